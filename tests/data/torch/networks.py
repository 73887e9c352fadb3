"""Networks of PyTorch in float64, for tests/torch.rs: python networks.py networks.safetensors

Needs PyPI's torch and safetensors. NAME.x, NAME.y: inputs and outputs, a sample after the other; NAME.net.…: the
state_dict; NAME.dy, NAME.grad.…: a gradient with respect to the outputs, and those with respect to the parameters.
"""

import sys

import torch
from safetensors.torch import save_file
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(2)
out = {}


def rounded(*shape, scale=1.0):
    """Values that are floats of 32 bits, so that nothing is lost on the way in."""
    return ((torch.rand(*shape) * 2 - 1) * scale).float().double()


def keep(name, net, x, run=None):
    for parameter in net.parameters():
        parameter.data = rounded(*parameter.shape, scale=0.75)
    y = (run or net)(x)
    dy = rounded(*y.shape)
    y.backward(dy)
    out.update({f"{name}.x": x, f"{name}.y": y.detach(), f"{name}.dy": dy})
    out.update({f"{name}.net.{key}": value for key, value in net.state_dict().items()})
    out.update({f"{name}.grad.{key}": parameter.grad for key, parameter in net.named_parameters()})


class Last(nn.Module):
    """The last state of a recurrent module, and a linear layer."""

    def __init__(self, rnn, width):
        super().__init__()
        self.rnn, self.out = rnn, nn.Linear(width, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


class Steps(nn.Module):
    """All states of a recurrent module."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x):
        return self.rnn(x)[0]


x = rounded(4, 7, 3)
keep("gru", Last(nn.GRU(3, 5, batch_first=True), 5), x)
keep("lstm", Last(nn.LSTM(3, 5, batch_first=True), 5), x)
keep("rnn", Last(nn.RNN(3, 5, batch_first=True), 5), x)
keep("stacked", Last(nn.LSTM(3, 4, num_layers=2, batch_first=True), 4), x)
keep("gru_both", Steps(nn.GRU(3, 4, bidirectional=True, batch_first=True)), x)
keep("lstm_both", Steps(nn.LSTM(3, 4, bidirectional=True, batch_first=True)), x)
keep("gru_bare", Steps(nn.GRU(3, 4, bias=False, batch_first=True)), x)
keep("lstm_bare", Steps(nn.LSTM(3, 4, bias=False, batch_first=True)), x)

activations = nn.Sequential(
    nn.Linear(4, 6), nn.PReLU(6), nn.Linear(6, 6), nn.CELU(0.75), nn.Linear(6, 5), nn.Hardtanh(-0.5, 0.75), nn.Linear(5, 3)
)
keep("activations", activations, rounded(5, 4, scale=2.0))
# Height, width, channel, as it lies here.
image = rounded(3, 5, 4, 2)
pixels = nn.Sequential(nn.Conv2d(2, 3, 3), nn.PReLU(3))
keep("pixels", pixels, image, lambda x: pixels(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))

# Steps last, as PyTorch's convolution wants them; what is flattened goes by channel.
steps = rounded(3, 6, 3)
flat = nn.Sequential(nn.Conv1d(3, 4, 2), nn.Tanh(), nn.Flatten(), nn.BatchNorm1d(20), nn.PReLU(20), nn.Linear(20, 2))
flat[3].running_mean, flat[3].running_var = rounded(20), (rounded(20) + 2.0).float().double()
keep("flat_convolution", flat.eval(), steps, lambda x: flat(x.permute(0, 2, 1)))


class Flat(nn.Module):
    """All states of a recurrent module as a list, step by step."""

    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.GRU(3, 4, batch_first=True), nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.rnn(x)[0].flatten(1))


keep("flat_states", Flat(), steps)
# Height, width, channel; batch normalisation behind the flattening.
flat_image = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.BatchNorm1d(18), nn.Linear(18, 2))
flat_image[2].running_mean, flat_image[2].running_var = rounded(18), (rounded(18) + 2.0).float().double()
keep("flat_image", flat_image.eval(), image, lambda x: flat_image(x.permute(0, 3, 1, 2)))

# Parameter groups: weight decay on what is multiplied, none on biases; six steps.
net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
for parameter in net.parameters():
    parameter.data = rounded(*parameter.shape, scale=0.75)
out.update({f"groups.net.{key}": value.clone() for key, value in net.state_dict().items()})
x, t = rounded(6, 3), rounded(6, 2)
weights = [p for p in net.parameters() if p.ndim > 1]
biases = [p for p in net.parameters() if p.ndim == 1]
optimizer = torch.optim.AdamW(
    [{"params": weights, "weight_decay": 0.25}, {"params": biases, "weight_decay": 0.0}], lr=0.03125, eps=2.0**-10
)
for step in range(6):
    optimizer.zero_grad()
    nn.functional.mse_loss(net(x), t).backward()
    optimizer.step()
out.update({"groups.x": x, "groups.t": t})
out.update({f"groups.after.{key}": value.clone() for key, value in net.state_dict().items()})

save_file({key: value.detach().double().contiguous().clone() for key, value in out.items()}, sys.argv[1])
print(f"{len(out)} tensors by PyTorch {torch.__version__}")
