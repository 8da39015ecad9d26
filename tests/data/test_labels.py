"""The labels file: how names are found, and what is refused rather than guessed."""

import unicodedata

import pytest

from mynah.data import split
from mynah.ground.errors import BadInput
from sound_files import look, only, put, tone

NAMES = [f"{label}/{name}.wav" for label in ("high", "low") for name in ("ant", "bee", "cat", "dog", "eel", "fox")]


def table(folder, header, lines, name="labels.csv"):
    path = folder / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters_and_a_byte_order_mark(folder, delimiter):
    table(folder, f"\ufefffile{delimiter}label", [f"{name}{delimiter}x" for name in NAMES])
    assert look(folder).classes == ["x"]


def test_blank_lines_are_passed_over(folder):
    table(folder, "file,label", ["low/ant.wav,x", ",", "", "low/bee.wav,y"])
    assert look(folder).labels == ["x", "y"]


def test_a_line_without_file_is_named(folder):
    table(folder, "file,label", ["low/ant.wav,x", ",y"])
    with pytest.raises(BadInput, match=r"line 3: no file name"):
        look(folder)


def test_bare_names_are_found_if_only_one_file_has_them(tmp_path):
    put(tmp_path / "in" / "audio" / "a.wav")
    put(tmp_path / "in" / "audio" / "b.wav")
    table(tmp_path / "in", "file,label", ["a.wav,x", "b.wav,y"])
    assert [clip.file for clip in look(tmp_path / "in")] == ["audio/a.wav", "audio/b.wav"]
    put(tmp_path / "in" / "more" / "b.wav")
    with pytest.raises(BadInput, match=r"names files that are not there \(1: b\.wav\)"):
        look(tmp_path / "in")


def test_a_labels_file_elsewhere(folder, tmp_path):
    (tmp_path / "tables").mkdir()
    lines = ["low/ant.wav,x", "../in/low/bee.wav,y", f"{folder}/low/cat.wav,z"]
    path = table(tmp_path / "tables", "file,label", lines)
    assert look(folder, labels=path).labels == ["x", "y", "z"]
    with pytest.raises(BadInput, match="no such labels file"):
        look(folder, labels=tmp_path / "nothing.csv")


def test_composed_and_decomposed_accents_are_the_same(folder):
    put(folder / "low" / unicodedata.normalize("NFD", "café.wav"))
    table(folder, "file,label", [unicodedata.normalize("NFC", "low/café.wav") + ",x"])
    assert look(folder).labels == ["x"]


def test_two_labels_for_one_sound_are_refused_and_repeats_count_once(folder):
    table(folder, "file,label", ["low/ant.wav,x", "low/ant.wav,x", "low/bee.wav,y"])
    assert len(look(folder)) == 2
    table(folder, "file,label", ["low/ant.wav,x", "low/ant.wav,y"])
    with pytest.raises(BadInput, match=r"gives one sound two labels \(1: low/ant\.wav\)"):
        look(folder)


def test_wrong_times_are_named(folder):
    for text, message in [("soon", "start is not a number"), ("-1", "must be 0 s or more"), ("nan", "0 s or more")]:
        table(folder, "file,label,start", [f"low/ant.wav,x,{text}"])
        with pytest.raises(BadInput, match=message):
            look(folder)


def test_a_file_that_is_no_table(folder):
    (folder / "labels.csv").write_bytes(b'file,label\n"low/ant.wav,x\n')
    with pytest.raises(BadInput, match="stray quote"):
        look(folder)
    (folder / "labels.csv").write_text("file,label\n")
    with pytest.raises(BadInput, match="no lines"):
        look(folder)


#: Path, label and bare name of sounds of which no two have one bare name.
ITEMS = [(f"{x}/{x}-{n}.wav", x, f"{x}-{n}.wav") for x in ("high", "low") for n in ("ant", "bee", "cat", "dog", "eel")]
TABLES = {
    "ESC-50": (
        "filename,fold,target,category,esc10,src_file,take",
        [f"{base},{i % 5 + 1},0,{label},True,{i // 2},A" for i, (_, label, base) in enumerate(ITEMS)],
        {"target": "category"},
    ),
    "UrbanSound8K": (
        "slice_file_name,fsID,start,end,salience,fold,classID,class",
        [f"{base},{i // 2},7.5,11.5,1,{i % 5 + 1},3,{label}" for i, (_, label, base) in enumerate(ITEMS)],
        {"target": "class"},
    ),
    "Excel": ("sep=;\nfile;label", [f"{name};{label}" for name, label, _ in ITEMS], {}),
    "Windows": ("file,label", [f"C:\\Users\\me\\in\\{label}\\{base},{label}" for _, label, base in ITEMS], {}),
    "no suffix": ("file,label", [f"{name[:-4]},{label}" for name, label, _ in ITEMS], {}),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_others_are_read(tmp_path, kind):
    for name, _, _ in ITEMS:
        put(tmp_path / "in" / name, tone(seed=name))
    header, lines, options = TABLES[kind]
    table(tmp_path / "in", header, lines)
    sounds = look(tmp_path / "in", **options)
    assert sounds.labels == [label for _, label, _ in ITEMS]
    assert all(clip.end is None and clip.start == 0 for clip in sounds)
    if kind in ("ESC-50", "UrbanSound8K"):
        assert sounds.official == "fold"
        assert sounds.grouped_by == "group"
        assert len(set(sounds.groups)) == 5


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_encodings(tmp_path, encoding):
    for name in ("grün", "blau"):
        put(tmp_path / "in" / f"{name}.wav", tone(seed=name))
    (tmp_path / "in" / "labels.csv").write_text("file,label\ngrün.wav,é\nblau.wav,b\n", encoding=encoding)
    assert sorted(look(tmp_path / "in").labels) == ["b", "é"]


def test_a_selection_table_of_raven_is_read(folder):
    head = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tBegin File\tFile Offset (s)\tAnnotation"
    lines = [f"{i}\tWaveform 1\t1\t{0.3 * i + 0.1}\t{0.3 * i + 0.2}\t{n}\t0.1\tx" for i, n in enumerate(NAMES)]
    table(folder, head, lines)
    sounds = look(folder, target="Annotation")
    assert {(clip.start, clip.end) for clip in sounds} == {(0.1, 0.2)}
    table(folder, head.replace("End Time (s)", "x"), lines)  # no end: to the end of the file
    assert {(clip.start, clip.end) for clip in look(folder, target="Annotation")} == {(0.1, None)}
    table(folder, head.replace("File Offset (s)", "x"), lines[:1])  # one file: its times are those of the table
    assert [(clip.start, clip.end) for clip in look(folder, target="Annotation")] == [(0.1, 0.2)]


def test_an_end_of_a_windows_path_must_be_of_one_file(folder):
    table(folder, "file,label", ["D:\\x\\low\\ant.wav,x"])
    assert [clip.file for clip in look(folder)] == ["low/ant.wav"]
    table(folder, "file,label", ["D:\\x\\ant.wav,x"])
    with pytest.raises(BadInput, match="names files that are not there"):
        look(folder)


def test_official_columns_half_filled_in_are_refused(folder):
    table(folder, "file,label,fold", [f"{n},x,{i % 3 or ''}" for i, n in enumerate(NAMES)])
    with pytest.raises(BadInput, match=r"fold is not filled in \(4 of 12 lines\)"):
        look(folder)
    table(folder, "file,label,split", [f"{n},x,{'train' if i else 'later'}" for i, n in enumerate(NAMES)])
    with pytest.raises(BadInput, match=r"split must say train or test .*'later'"):
        look(folder)
    assert look(folder.parent / "in", group="split").grouped_by == "split"


def test_valid_joins_train(folder):
    sides = ["train", "Valid", "test"]
    table(folder, "file,label,split", [f"{n},{n.split('/')[0]},{sides[i % 3]}" for i, n in enumerate(NAMES)])
    parts = split(look(folder))
    assert (parts.kind, len(parts.folds)) == ("official split", 1)
    assert (list(parts.folds[0].test), len(parts.folds[0].train)) == ([2, 5, 8, 11], 8)


def test_a_group_column_wins_over_file_names_and_stratifies(folder):
    table(folder, "file,label,group", [f"{n},{n.split('/')[0]},{n[-6:-4]}" for n in NAMES])
    sounds = look(folder)
    assert sounds.grouped_by == "group"
    assert len(set(sounds.groups)) == 6
    assert split(sounds).kind == "stratified"
    assert split(look(folder, group="group")).kind == "groups"


def test_copies_on_both_sides_of_given_folds_are_told_not_moved(folder):
    (folder / "low" / "bee.wav").write_bytes((folder / "low" / "ant.wav").read_bytes())
    table(folder, "file,label,fold", [f"{n},{n.split('/')[0]},{1 + i % 2}" for i, n in enumerate(NAMES)])
    sounds = look(folder)
    (leak,) = sounds.leaks
    assert leak.kind == "duplicates"
    assert "2 clips are the same sound in several folds of the column fold" in leak.message
    assert [len(fold.test) for fold in split(sounds).folds] == [6, 6]


def test_a_class_that_is_judged_but_not_trained_is_told(folder):
    table(folder, "file,label,fold", [f"{n},{n.split('/')[0]},{n.split('/')[0]}" for n in NAMES])
    assert "fold high judges 'high' without any to train on" in split(look(folder)).description


@pytest.mark.parametrize("header", ["file, label", " File ,Label", "FILE,LABEL", '"file", "label"'])
def test_headers_in_other_capitals_and_with_spaces(folder, header):
    table(folder, header, [f"{name}, x" for name in NAMES])
    assert look(folder).classes == ["x"]


def test_an_exact_header_wins_over_other_capitals(folder):
    table(folder, "file,Label,label", [f"{name},no,yes" for name in NAMES])
    assert look(folder).classes == ["yes"]
    table(folder, "file,Kind,KIND", [f"{name},no,yes" for name in NAMES])
    with pytest.raises(BadInput, match=r"no column kind \(its columns: file, Kind, KIND\)"):
        look(folder, target="kind")


def test_a_stray_quote_is_named_by_its_line(folder):
    table(folder, "file,label", [f"{name},x" for name in NAMES[:3]] + [f'"{name},x' for name in NAMES[3:4]] + NAMES)
    with pytest.raises(BadInput, match=r"line 5: the labels file cannot be read .* Look for a stray quote") as error:
        look(folder)
    assert NAMES[-1] not in str(error.value)


def test_long_names_are_cut_in_errors(folder):
    lines = ['"' + "\n".join(["here", *["and on"] * 500]) + '",x', f"{'y' * 300}.wav,x"]
    table(folder, "file,label", lines)
    with pytest.raises(BadInput, match=r"names files that are not there \(2: here and on") as error:
        look(folder)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400 + len(str(folder))


def test_a_target_without_labels_file(folder):
    with pytest.raises(BadInput, match="a target column needs a labels file"):
        look(folder, target="kind")


def two_recordings(folder, column, sides):
    """Two long files of 30 overlapping parts each, all in the same `sides` in turn."""
    lines = []
    for name in ("one", "two"):
        put(folder / f"{name}.wav", tone(seconds=4.0, seed=name))
        lines += [f"{name}.wav,{'xy'[i % 2]},{name},{sides[i % len(sides)]},{i / 10},{i / 10 + 1}" for i in range(30)]
    table(folder, f"file,label,group,{column},start,end", lines)
    return look(folder)


def test_given_folds_that_part_a_group_are_told(tmp_path):
    sounds = two_recordings(tmp_path / "in", "fold", ["1", "2", "3"])
    (leak,) = sounds.leaks
    assert (leak.kind, leak.accuracy, leak.chance) == ("groups", 1.0, 0.0)
    assert "60 of 60 judged clips come from a group that also trains" in leak.message
    assert "one.wav from 0 s, with one.wav from 0.1 s" in leak.message
    assert look(tmp_path / "in", group="group").leaks == ()


def test_a_given_split_that_parts_recordings_is_told(tmp_path):
    sounds = two_recordings(tmp_path / "in", "split", ["train", "train", "test"])
    assert [leak.kind for leak in sounds.leaks] == ["groups"]
    assert "20 of 20 judged clips" in sounds.leaks[0].message


def test_given_folds_of_whole_groups_are_silent(folder):
    table(folder, "file,label,group,fold", [f"{n},{n.split('/')[0]},{n[-7:-4]},{n[-6] in 'no'}" for n in NAMES])
    assert look(folder).official == "fold"
    assert look(folder).leaks == ()


def sessions(folder, count, takes, label="x"):
    names = [f"{label}/session{'abcdefgh'[s]}_take{t}.wav" for s in range(count) for t in range(takes)]
    for name in names:
        put(folder / name, tone(seconds=0.05, seed=name))
    return names


@pytest.mark.parametrize("count", [2, 4])
def test_takes_too_few_to_split_by_are_told(folder, count):
    sessions(folder, count, 5)
    (leak,) = look(folder).leaks
    assert leak.kind == "takes"
    assert f"files of 'x' look like {count} recordings of several takes" in leak.message
    assert leak.accuracy == pytest.approx(5 * count / (5 * count + 12))


def test_one_class_too_uneven_and_many_classes_are_named_in_one_line(folder):
    sessions(folder, 5, 2, "even")
    sessions(folder, 5, 2, "uneven")
    for number in range(12):
        put(folder / "uneven" / f"sessiona_take{number}.wav", tone(seconds=0.05, seed=f"uneven {number}"))
    for label in ("p", "q", "r"):
        sessions(folder, 2, 2, label)
    (leak,) = look(folder).leaks
    assert "'p' look like 2 recordings of several takes, of 'q' like 2, of 'r' like 2 (and 1 more classes)" in (
        leak.message
    )
    assert "even'" not in leak.message


def test_what_is_not_several_takes_or_not_parted_is_silent(folder):
    sessions(folder, 1, 9, "numbered")
    sessions(folder, 5, 2, "useful")
    assert look(folder).leaks == ()
    names = sessions(folder, 4, 3)
    assert len(look(folder).leaks) == 1
    lines = [f"{n},{n.split('/')[0]},{n.split('/')[0]}{n[9]}" for n in names]
    table(folder, "file,label,group", lines)
    assert look(folder).leaks == ()
    table(folder, "file,label,fold", [f"{n},x,{n[9]}" for n in names])
    assert look(folder).leaks == ()
    table(folder, "file,label,fold", [f"{n},x,{i % 3}" for i, n in enumerate(names)])
    assert [leak.kind for leak in look(folder).leaks] == ["takes"]


def test_a_label_over_many_minutes_is_flagged_and_parts_of_it_are_not(folder):
    put(folder / "low" / "night.wav", tone(seconds=605.0, rate=1000), rate=1000)
    problem = only(look(folder), "long")
    assert (problem.file, problem.action, problem.detail) == ("low/night.wav", "flagged", "605 s in one clip")
    assert "start and end" in problem.remedy
    table(folder, "file,label,start,end", [f"low/night.wav,x,{s},{s + 300}" for s in (0, 300)])
    assert "long" not in {found.kind for found in look(folder).problems}
    (folder / "labels.csv").unlink()
    unlabelled = folder.parent / "flat"
    put(unlabelled / "night.wav", tone(seconds=605.0, rate=1000), rate=1000)
    assert look(unlabelled).problems == ()
