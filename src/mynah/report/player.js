// Clips: a spectrogram with a playhead, a native player, and one sound at a time.

const data = JSON.parse(document.getElementById("results").textContent);

const make = (name, attributes = {}, ...children) => {
  const svg = ["svg", "rect"].includes(name);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
};

// The only copy of each sound stands in a <noscript>, where a browser with scripts sees text and spends nothing on it.
const store = new Map();
const stored = (clip) => {
  if (!store.has(clip)) {
    const home = document.querySelector(`noscript[data-clip="${clip}"]`);
    const text = home ? home.textContent : "";
    store.set(clip, {
      picture: (text.match(/src="(data:image\/png[^"]+)"/) || [])[1],
      sound: (text.match(/src="(data:audio\/mpeg[^"]+)"/) || [])[1],
    });
  }
  return store.get(clip);
};

const addresses = new Map(); // an object URL lets the browser seek; made once a clip
const address = (clip) => {
  if (!addresses.has(clip)) {
    const bytes = Uint8Array.from(atob(stored(clip).sound.split(",")[1]), (c) => c.charCodeAt(0));
    addresses.set(clip, URL.createObjectURL(new Blob([bytes], { type: "audio/mpeg" })));
  }
  return addresses.get(clip);
};

let volume = 0.7; // headphones: never full level unasked
let playing = null;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const follow = (audio, head) => {
  const draw = () => {
    const share = audio.duration ? audio.currentTime / audio.duration : 0;
    head.style.left = `${100 * share}%`;
    if (!audio.paused && !audio.ended && !calm.matches) requestAnimationFrame(draw);
  };
  audio.addEventListener("play", () => { head.hidden = false; draw(); });
  for (const event of ["timeupdate", "seeked"]) audio.addEventListener(event, draw);
};

const media = (clip, name) => {
  const { picture, sound } = stored(clip);
  const audio = make("audio", { controls: "", preload: "none", "aria-label": `Play ${name}`, src: sound ? address(clip) : null });
  audio.volume = volume;
  const box = make("div", { class: "media" });
  if (picture) {
    const head = make("i", { class: "head", hidden: "" });
    const frame = make("div", { class: "spectrogram", title: `0 to ${data.previews[clip][3] / 1000} kHz; the loud is strong; click to hear from there` }, make("img", { src: picture, alt: "", width: 160, height: 48, decoding: "async" }), head);
    frame.addEventListener("click", (event) => { // by mouse only: the player beside it has keys
      const share = event.offsetX / frame.clientWidth;
      const seek = () => { audio.currentTime = share * audio.duration; };
      audio.duration ? seek() : audio.addEventListener("loadedmetadata", seek, { once: true });
      audio.play();
    });
    follow(audio, head);
    box.append(frame);
  }
  box.append(audio);
  return box;
};

document.addEventListener("play", (event) => {
  if (playing && playing !== event.target) playing.pause();
  playing = event.target;
}, true);
document.addEventListener("volumechange", (event) => { volume = event.target.volume; }, true);

// Rows of the lists at the end get their players when they come near the screen.
const nearby = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    nearby.unobserve(target);
    const old = target.querySelector(".media");
    old.after(media(Number(target.dataset.clip), target.querySelector(".path").textContent));
    old.hidden = true;
  }
}, { rootMargin: "400px" });
