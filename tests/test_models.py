"""Networks for images: structure, names, and what they compute."""

import pytest

import fastgrad as fg
from fastgrad import nn
from fastgrad.vision import models
from fastgrad.vision.models import small


def count(net):
    return sum(parameter.numel() for parameter in net.parameters())


@pytest.mark.parametrize(
    ("make", "parameters", "entries"),
    [
        # As torchvision's documentation of its weights says, and its state dicts have them.
        (models.resnet18, 11_689_512, 122),
        (models.resnet50, 25_557_032, 320),
        (models.alexnet, 61_100_840, 16),
        (models.densenet121, 7_978_856, 727),
        (models.mobilenet_v2, 3_504_872, 314),
        (lambda: models.googlenet(aux_logits=False, init_weights=False), 6_624_904, 344),
        (lambda: models.vgg11(init_weights=False), 132_863_336, 22),
        (lambda: models.inception_v3(init_weights=False), 27_161_264, 580),
    ],
    ids=[
        *("resnet18", "resnet50", "alexnet", "densenet121"),
        *("mobilenet_v2", "googlenet", "vgg11", "inception_v3"),
    ],
)
def test_the_size_of_the_published_networks(make, parameters, entries):
    net = make()
    assert count(net) == parameters
    assert len(net.state_dict()) == entries


def test_names_of_torchvision():
    names = set(models.resnet50(num_classes=2).state_dict())
    assert {"conv1.weight", "layer1.0.downsample.1.running_var", "layer4.2.bn3.bias"} <= names
    names = set(models.densenet121(num_classes=2).state_dict())
    assert {"features.denseblock4.denselayer16.conv2.weight", "features.norm5.bias"} <= names
    assert "features.transition3.norm.num_batches_tracked" in names
    names = set(models.mobilenet_v2(num_classes=2).state_dict())
    assert {"features.1.conv.0.0.weight", "features.17.conv.3.bias", "classifier.1.bias"} <= names
    names = set(models.googlenet(num_classes=2, init_weights=False).state_dict())
    assert {"inception5b.branch4.1.bn.running_mean", "aux2.fc1.weight"} <= names
    names = set(models.inception_v3(num_classes=2, init_weights=False).state_dict())
    assert {"Conv2d_4a_3x3.bn.running_var", "AuxLogits.conv1.conv.weight", "fc.bias"} <= names
    assert {"Mixed_6e.branch7x7dbl_5.conv.weight", "Mixed_7c.branch3x3dbl_3b.bn.bias"} <= names


@pytest.mark.parametrize(
    "make",
    [
        models.resnet18,
        lambda **options: models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], **options),
        lambda **options: models.MobileNetV2(width_mult=0.25, dropout=0, **options),
        lambda **options: models.DenseNet(4, (2, 2), 8, drop_rate=0.1, **options),
    ],
    ids=["resnet18", "bottlenecks", "mobilenet", "densenet"],
)
def test_a_step_lowers_the_loss(make):
    fg.manual_seed(0)
    net = make(num_classes=3)
    x, y = fg.randn(6, 3, 32, 32), fg.tensor([0, 1, 2, 0, 1, 2])
    optimizer = fg.optim.SGD(net.parameters(), lr=0.01)
    losses = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_googlenet_in_training_has_three_results():
    net = models.googlenet(num_classes=3, init_weights=False, transform_input=True)
    logits, second, first = net(fg.zeros(2, 3, 64, 64))
    assert logits.shape == second.shape == first.shape == (2, 3)
    assert net.eval()(fg.zeros(1, 3, 64, 64)).shape == (1, 3)


def test_inception_in_training_has_two_results():
    net = models.inception_v3(num_classes=3, init_weights=False, transform_input=True)
    with fg.no_grad():
        logits, second = net(fg.zeros(2, 3, 299, 299))
        assert logits.shape == second.shape == (2, 3)
        assert net.eval()(fg.zeros(1, 3, 75, 75)).shape == (1, 3)
    assert models.Inception3(2, aux_logits=False, init_weights=False).AuxLogits is None


def test_nets_by_name():
    names = models.list_models()
    assert names == sorted(names)
    assert {"resnet18", "vgg16_bn", "lenet", "inception_v3"} <= set(names)
    assert models.list_models(include=["vgg1*"], exclude="*bn") == [
        "vgg11",
        "vgg13",
        "vgg16",
        "vgg19",
    ]
    assert type(models.get_model("MobileNet_V2", num_classes=2)) is models.MobileNetV2
    with pytest.raises(ValueError, match=r"Unknown model resnet19; known are alexnet, .*resnet18"):
        models.get_model("resnet19")


def test_the_nets_of_the_book():
    assert count(models.lenet()) == 61_706
    assert models.lenet()(fg.zeros(2, 1, 28, 28)).shape == (2, 10)
    assert models.nin()(fg.zeros(1, 1, 96, 96)).shape == (1, 10)
    assert count(models.nin(num_classes=7)) == 1_981_687


@pytest.mark.parametrize(
    ("make", "parameters"),
    [
        # Of the definitions in the book, run with PyTorch on images of 96 x 96.
        (small.alexnet, 21_598_922),
        (small.vgg, 22_121_802),
        (small.googlenet, 5_977_530),
        (small.resnet, 11_176_330),
        (small.densenet, 758_226),
    ],
)
def test_the_deep_nets_of_the_book(make, parameters):
    net = make()
    assert net(fg.zeros(2, 1, 96, 96)).shape == (2, 10)
    assert count(net) == parameters
    narrow = make(num_classes=3, width=0.1)
    assert narrow(fg.zeros(2, 1, 96, 96)).shape == (2, 3)
    assert count(narrow) < count(net) / 10


def test_a_net_needs_some_width():
    with pytest.raises(ValueError, match="width must be positive, got 0"):
        small.resnet(width=0)


@pytest.mark.parametrize("options", [{"weights": "DEFAULT"}, {"pretrained": True}])
def test_weights_are_read_from_torchvisions_file(options, tmp_path, monkeypatch):
    monkeypatch.setattr("fastgrad.hub._folder", [])  # what `set_dir` said before
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FASTGRAD_DATA", str(tmp_path / "data"))
    folder = tmp_path / "cache" / "hub" / "checkpoints"
    with pytest.raises(ValueError, match=rf"resnet18: no trained .* into {folder}, or below"):
        models.resnet18(**options)
    (tmp_path / "data" / "weights").mkdir(parents=True)
    trained = models.resnet18().state_dict()
    fg.save(trained, tmp_path / "data" / "weights" / "resnet18-f37072fd.pth")
    net = models.resnet18(**options)
    assert all(fg.equal(value, trained[name]) for name, value in net.state_dict().items())
    folder.mkdir(parents=True)
    for name in ("resnet18", "resnet18-5c106cde"):
        fg.save({}, folder / f"{name}.pth")
    with pytest.raises(ValueError, match=r"several files .*resnet18\.pth; leave one"):
        models.resnet18(**options)
    assert models.resnet18(pretrained=False, num_classes=2).fc.out_features == 2


@pytest.mark.parametrize("make", [models.densenet121, models.googlenet, models.inception_v3])
def test_weights_of_some_are_not_promised(make):
    with pytest.raises(ValueError, match=r"no trained weights .*load\("):
        make(pretrained=True)


def test_a_file_of_torchs_loads(torch, tmp_path):
    net = models.lenet()
    theirs = {name: torch.from_numpy(value.numpy()) + 1 for name, value in net.state_dict().items()}
    torch.save(theirs, tmp_path / "lenet.pth")
    net.load_state_dict(fg.load(tmp_path / "lenet.pth"))
    assert net[0].bias.tolist() == theirs["0.bias"].tolist()
