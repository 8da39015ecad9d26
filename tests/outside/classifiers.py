"""Two classes that know nothing of Mynah, as people have them: a scikit-learn classifier and a torch network."""

from sklearn.naive_bayes import GaussianNB
from torch import nn


class NaiveBayes(GaussianNB):
    """Gaussian naive Bayes."""


class Recurrent(nn.Module):
    """A GRU whose outputs are averaged over time."""

    def __init__(self, inputs, outputs, hidden=16):
        super().__init__()
        self.net = nn.GRU(inputs, hidden, batch_first=True)
        self.head = nn.Linear(hidden, outputs)

    def forward(self, frames):
        return self.head(self.net(frames)[0].mean(dim=1))
