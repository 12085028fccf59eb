"""PyTorch tensors, state dicts and modules: exact, in safetensors, without pickle where the content allows."""

from __future__ import annotations

import sys
import warnings
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from hypothesis import given
from hypothesis import strategies as st

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.codec import decode
from runlore.values.materializer import ArtifactType
from runlore.values.metadata import encode_metadata
from runlore.values.modules import ModuleMaterializer, ScriptMaterializer
from runlore.values.registry import by_name, materializer_for
from runlore.values.tensors import read_tensors
from runlore.values.torch import StateDictMaterializer, TensorMaterializer

pytestmark = pytest.mark.slow

STORE = TensorMaterializer()
DTYPES = [
    getattr(torch, name)
    for name in (
        "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex32 complex64 "
        "complex128 float8_e4m3fn float8_e5m2 float8_e4m3fnuz float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn_x2"
    ).split()
    if hasattr(torch, name)
]


def filled(dtype: Any, shape: tuple[int, ...]) -> Any:
    """A tensor whose bytes are all there is of its dtype: any bits count."""
    count = int(torch.Size(shape).numel())
    raw = torch.arange(count * dtype.itemsize, dtype=torch.int64) * 37 % 251
    raw = raw % 2 if dtype is torch.bool else raw
    if count == 0:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw.to(torch.uint8).numpy().tobytes()), dtype=dtype, count=count).reshape(shape)


def bits(tensor: Any) -> bytes:
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    if not tensor.numel():
        return b""
    start, size = tensor.storage_offset() * tensor.element_size(), tensor.numel() * tensor.element_size()
    raw: bytes = torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage(), start, (size,)).numpy().tobytes()
    return raw


def assert_same(found: Any, value: Any) -> None:
    assert type(found) is type(value) and found.dtype == value.dtype and found.layout == value.layout
    assert found.shape == value.shape and found.requires_grad == value.requires_grad and found.device.type == "cpu"
    if value.layout is torch.strided:
        assert bits(found) == bits(value)
    else:
        assert torch.equal(found.detach().to_dense(), value.detach().to_dense())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3, 4)], ids=str)
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_tensors_of_any_dtype_come_back_bit_by_bit(dtype: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    """Whatever its dtype and shape, without dimensions and empty included, a tensor comes back with the same bits."""
    tensor = filled(dtype, shape)

    assert materializer_for(tensor).name == "tensor"
    assert_same(round_trip(STORE, tensor, tmp_path), tensor)


@given(
    st.sampled_from([torch.float32, torch.int16, torch.complex128, torch.bfloat16]),
    st.lists(st.integers(0, 4), max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_layout_comes_back(dtype: Any, shape: list[int], random: Any) -> None:
    """A tensor whose dimensions were exchanged or sliced comes back equal; one that fills its memory, in its order."""
    order = list(range(len(shape)))
    random.shuffle(order)
    tensor = filled(dtype, tuple(shape)).permute(order)
    sliced = tensor[::2] if shape else tensor
    for value in (tensor, sliced):
        writer = MemoryWriter()
        STORE.save(value, writer)
        found = read_tensors(bytearray(b"".join(writer.parts)))[0]["tensor"]
        assert_same(found, value)
        if value is tensor and tensor.numel():
            assert steps_of(found) == steps_of(tensor)


def steps_of(tensor: Any) -> list[int]:
    """Strides of the dimensions in which one can step."""
    return [stride for stride, length in zip(tensor.stride(), tensor.shape, strict=True) if length > 1]


SPECIAL: dict[str, Any] = {
    "gradient": lambda: torch.ones(3, requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2)),
    "frozen parameter": lambda: torch.nn.Parameter(torch.ones(2), requires_grad=False),
    "computed": lambda: torch.ones(3, requires_grad=True) * 2,
    "conjugate": lambda: torch.ones(3, dtype=torch.complex64).conj(),
    "imaginary part": lambda: torch.full((3,), 1j).conj().imag,
    "expanded": lambda: torch.ones(1, 3).expand(4, 3),
    "channels last": lambda: torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "large": lambda: torch.rand(700, 900),
    "large and turned": lambda: torch.rand(700, 900).t(),
    "coordinates": lambda: torch.tensor([[0, 1.5], [2.5, 0]]).to_sparse(),
    "coordinates twice": lambda: torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 3)),
    "rows": lambda: torch.tensor([[0, 1.5], [2.5, 0]]).to_sparse_csr(),
    "columns": lambda: torch.tensor([[0, 1.5], [2.5, 0]]).to_sparse_csc(),
    "blocks": lambda: torch.eye(4, dtype=torch.complex128).to_sparse_bsr((2, 2)),
}


@pytest.mark.parametrize("make", SPECIAL.values(), ids=list(SPECIAL))
@pytest.mark.filterwarnings("ignore:Sparse")
def test_special_tensors_come_back(make: Any, tmp_path: Path) -> None:
    """Parameters, tensors that ask for gradients, views, and sparse tensors come back as what they are."""
    value = make()

    assert_same(round_trip(STORE, value, tmp_path), value)


def test_order_in_memory_is_kept(tmp_path: Path) -> None:
    """A channels-last image comes back channels last."""
    value = SPECIAL["channels last"]()

    assert round_trip(STORE, value, tmp_path).is_contiguous(memory_format=torch.channels_last)


def test_an_uncoalesced_tensor_stays_so(tmp_path: Path) -> None:
    """A sparse tensor with two values at one place keeps both, and whether it is coalesced."""
    value = SPECIAL["coordinates twice"]()
    found = round_trip(STORE, value, tmp_path)

    assert not found.is_coalesced() and found._nnz() == 2
    assert round_trip(STORE, value.coalesce(), tmp_path).is_coalesced()


@pytest.mark.filterwarnings("ignore:.*quantize")
@pytest.mark.filterwarnings("ignore:.*TypedStorage")
def test_what_has_no_exact_form_is_pickled() -> None:
    """Quantized tensors, tensors of subclasses and with attributes of their own are pickled, and say so."""
    odd = torch.ones(2)
    odd.note = "mine"
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8)

    assert {materializer_for(value).name for value in (odd, quantized)} == {"cloudpickle"}


def test_equal_tensors_have_equal_digests(tmp_path: Path) -> None:
    """Equal tensors have one digest, wherever in memory they lie; another dtype or a gradient has another one."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    one, part = torch.arange(4.0), torch.arange(9.0)[:4]

    assert vault.store(one).digest == vault.store(part).digest
    others = (one.double(), one.reshape(2, 2), one.clone().requires_grad_(), torch.nn.Parameter(one))
    assert len({vault.store(each).digest for each in (one, *others)}) == 5


def test_a_tensor_is_its_own_memory(tmp_path: Path) -> None:
    """A part of a large tensor is stored without the rest, and what is loaded can be changed without harm."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    content = vault.store(torch.zeros(1_000_000)[:400_000])
    first = vault.load(content)
    first += 1

    assert content.form == "blob" and content.size < 1_700_000
    assert first.untyped_storage().nbytes() == 1_600_000
    assert vault.load(content).sum() == 0


def test_tensors_are_described_and_pictured() -> None:
    """Metadata tell shape, dtype, device and statistics; vectors are drawn as histograms, images as images."""
    value = torch.tensor([1.0, 3.0], requires_grad=True)
    described = STORE.metadata(value)

    assert described == {
        "shape": [2], "dtype": "float32", "device": "cpu", "requires_grad": True,
        "min": 1.0, "max": 3.0, "mean": 2.0, "std": 1.0,
    }  # fmt: skip
    assert STORE.metadata(torch.rand(1_500_000).bfloat16())["sampled"] <= 1_000_000
    assert [picture.name for picture in STORE.pictures(value)] == ["histogram"]
    assert [picture.name for picture in STORE.pictures(torch.rand(3, 20, 30))] == ["image"]
    assert STORE.pictures(torch.ones(2, dtype=torch.complex64)) == ()
    for dtype in DTYPES:
        assert STORE.metadata(filled(dtype, (3,)))["shape"] == [3]


def test_damaged_tensors_are_typed_errors(tmp_path: Path) -> None:
    """Whatever is cut off or changed in the header is `ValueUnloadable`, not a wrong tensor."""
    writer = MemoryWriter()
    STORE.save(torch.ones(3), writer)
    data = b"".join(writer.parts)
    for damaged in (
        b"",
        data[:6],
        data[:40],
        data[:-1],
        data.replace(b'"F32"', b'"X32"'),
        data.replace(b"[3]", b"[9]"),
    ):
        with pytest.raises(ValueUnloadable):
            STORE.load(PayloadReader(tmp_path, {}, damaged))


def test_large_tensors_lie_as_torch_lays_them(tmp_path: Path) -> None:
    """Tensors of a mapped file begin where torch's own would, since sums over others differ in their last bits."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    tensors = {f"t{size}": torch.rand(size) for size in (5, 300_000, 7, 300_016, 3)}
    found = vault.load(vault.store(tensors))

    assert all(tensor.data_ptr() % 64 == 0 for tensor in found.values())
    assert all(map(torch.equal, found.values(), tensors.values())) and list(found) == list(tensors)


# --- state dicts --------------------------------------------------------------------------------------------------


class Net(torch.nn.Module):
    """A module with shared weights, buffers of both kinds, and a hidden one."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = torch.nn.Embedding(7, 4)
        self.norm = torch.nn.BatchNorm1d(4)
        self.head = torch.nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("steps", torch.tensor(3))
        self.register_buffer("hidden", torch.arange(3.0), persistent=False)
        self.window = self.hidden[1:]
        self.head.weight.note = "tied"

    def forward(self, x: Any) -> Any:
        return self.head(self.norm(self.embed(x)))


def test_state_dicts_come_back_exactly(tmp_path: Path) -> None:
    """A state dict keeps its order, its ``_metadata``, and which names are one tensor; no pickle is involved."""
    state = Net().state_dict()
    state["head.weight"] = state["embed.weight"] = state["embed.weight"].detach().clone()
    store = materializer_for(state)
    found = round_trip(store, state, tmp_path)

    assert store.name == "state_dict" and not store.runs_code and store.artifact_type is ArtifactType.MODEL
    assert type(found) is OrderedDict and list(found) == list(state) and found._metadata == state._metadata
    assert type(found._metadata) is OrderedDict
    assert found["head.weight"].data_ptr() == found["embed.weight"].data_ptr()
    for name, tensor in state.items():
        assert_same(found[name], tensor)


def test_state_dicts_are_safetensors_files(tmp_path: Path) -> None:
    """safetensors itself reads the file, and a module takes what it gives."""
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).double()
    writer = MemoryWriter()
    StateDictMaterializer().save(net.state_dict(), writer)
    path = writer.reader(tmp_path).path()
    other = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).double()
    other.load_state_dict(safetensors_torch.load_file(path))

    assert torch.equal(other[0].weight, net[0].weight)
    assert by_name("state_dict").load(writer.reader(tmp_path)).keys() == net.state_dict().keys()


def test_files_of_safetensors_load(tmp_path: Path) -> None:
    """A file that safetensors wrote loads as a dict of its tensors."""
    tensors = {"b": torch.arange(5), "a": torch.rand(2, 3).bfloat16()}
    store = materializer_for(tensors)
    found = store.load(PayloadReader(tmp_path, {}, safetensors_torch.save(tensors)))

    assert store.name == "tensors" and store.artifact_type is ArtifactType.DATA and type(found) is dict
    assert sorted(found) == ["a", "b"] and all(torch.equal(found[name], tensors[name]) for name in tensors)


def test_checkpoints_of_state_dicts_need_no_pickle(tmp_path: Path) -> None:
    """A checkpoint dict of state dicts, tensors and numbers is one payload, and loading it runs no code."""
    net = Net()
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.tensor([1, 2])).sum().backward()
    optimizer.step()
    checkpoint = {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3, "last": torch.ones(2)}
    store = materializer_for(checkpoint)
    found = round_trip(store, checkpoint, tmp_path)
    other = torch.optim.Adam(net.parameters())
    other.load_state_dict(found["optimizer"])

    assert store.name == "nested" and not store.runs_code
    assert found["model"]._metadata == checkpoint["model"]._metadata
    assert torch.equal(other.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


def test_dicts_of_something_else_are_no_state_dicts() -> None:
    """Empty dicts, dicts with other keys or members, and those with attributes of their own are stored as before."""
    odd = OrderedDict(a=torch.ones(1))
    odd.note = 1  # type: ignore[attr-defined]

    assert materializer_for({}).name == "json"
    assert materializer_for({1: torch.ones(1)}).name == "nested"
    assert materializer_for({"a": torch.ones(1), "b": 2}).name == "nested"
    assert materializer_for(odd).name == "cloudpickle"


def test_state_dicts_are_described() -> None:
    """Metadata count tensors and elements by dtype, and tell shapes; the picture lists them."""
    state = Net().state_dict()
    described = StateDictMaterializer().metadata(state)
    (picture,) = StateDictMaterializer().pictures(state)

    assert described["tensors"] == 8 and described["shapes"]["head.weight"] == [7, 4]
    assert described["dtypes"] == {"float32": 72, "int64": 2}
    assert picture.data.decode().splitlines()[1] == "steps,,int64,1"
    assert decode(encode_metadata("m", dict(described))) == described


# --- modules ------------------------------------------------------------------------------------------------------


def test_modules_come_back_exactly(tmp_path: Path) -> None:
    """A module keeps its class, mode, buffers, frozen and tied weights, views of one memory, and attributes."""
    net = Net().eval()
    net.norm.weight.requires_grad_(False)
    found = round_trip(ModuleMaterializer(), net, tmp_path)
    x = torch.tensor([1, 2, 3])

    assert type(found) is Net and not found.training and torch.equal(found(x), net(x))
    assert found.head.weight is found.embed.weight and found.head.weight.note == "tied"
    assert not found.norm.weight.requires_grad and type(found.norm.weight) is torch.nn.Parameter
    assert list(found.state_dict()) == list(net.state_dict()) and found.steps == 3
    found.hidden[1] = 9
    assert found.window[0] == 9


def test_the_tensors_of_a_module_are_readable_without_it(tmp_path: Path) -> None:
    """The tensors lie in a safetensors file under the names of the state dict."""
    net = torch.nn.Linear(3, 2)
    writer = MemoryWriter()
    ModuleMaterializer().save(net, writer)
    found = safetensors_torch.load_file(writer.reader(tmp_path).path() / "model.safetensors")

    assert set(found) == {"weight", "bias"} and torch.equal(found["weight"], net.weight)
    assert len(writer.tree["structure.pkl"].getvalue()) < 2_000


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.LSTM(3, 4, 2),
        lambda: torch.nn.TransformerEncoderLayer(8, 2, dropout=0.0),
        lambda: torch.nn.MultiheadAttention(8, 2),
        lambda: torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU()),
        lambda: torch.nn.ModuleDict({"a": torch.nn.Linear(1, 1)}),
        lambda: torch.nn.LazyLinear(3),
        lambda: torch.nn.Identity(),
    ],
    ids=["lstm", "encoder", "attention", "sequence", "dict", "lazy", "empty"],
)
@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")
def test_library_modules_come_back(make: Any, tmp_path: Path) -> None:
    """Modules of every make come back with equal state."""
    net = make()
    found = round_trip(ModuleMaterializer(), net, tmp_path)

    assert repr(found) == repr(net)
    for name, tensor in net.state_dict().items():
        if not torch.nn.parameter.is_lazy(tensor):
            assert torch.equal(found.state_dict()[name], tensor)


def test_modules_that_torch_refuses_say_so() -> None:
    """A module that torch does not pickle is refused, with torch's reason."""
    net = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 2))

    with pytest.raises(ValueUnstorable, match="parametrized modules is only supported through state_dict"):
        ModuleMaterializer().save(net, MemoryWriter())


def test_modules_are_described() -> None:
    """Metadata count parameters, trainable ones and buffers, and tell class, mode, layers; the picture lists parts."""
    net = Net()
    described = ModuleMaterializer().metadata(net)

    assert described["class"].endswith("Net") and described["training"] is True and described["pickle"] is True
    assert (described["parameters"], described["trainable"], described["buffers"]) == (36, 36, 13)
    assert described["layers"] == {"embed": "Embedding", "norm": "BatchNorm1d", "head": "Linear"}
    assert b"embed,Embedding,28" in ModuleMaterializer().pictures(net)[0].data
    assert decode(encode_metadata("m", dict(described))) == described


def test_scripted_modules_come_back(tmp_path: Path) -> None:
    """A TorchScript module is stored in its own format, signed since it holds a program, and torch reads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        script = torch.jit.script(torch.nn.Linear(3, 2))
    writer = MemoryWriter()
    ScriptMaterializer().save(script, writer)
    reader = writer.reader(tmp_path)
    found = ScriptMaterializer().load(reader)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        other = torch.jit.load(reader.path())
    x = torch.rand(2, 3)

    assert materializer_for(script).name == "torchscript" and materializer_for(script).runs_code
    assert torch.equal(found(x), script(x)) and torch.equal(other(x), script(x))
    assert ScriptMaterializer().metadata(script)["parameters"] == 8


def test_modules_name_their_classes(tmp_path: Path) -> None:
    """What a module is made of is told without loading it, so that changed classes rerun the steps that read it."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    content = vault.store(Net())

    naming = ModuleMaterializer().naming(vault.reader(content))
    assert b"Net" in naming and __name__.encode() in naming


def test_datasets_are_pickled() -> None:
    """A dataset of tensors has no format of its own: it is pickled."""
    assert materializer_for(torch.utils.data.TensorDataset(torch.ones(2))).name == "cloudpickle"


def test_a_changed_module_class_runs_its_readers_again(tmp_path: Path) -> None:
    """A step that reads a module runs again when the class of the module changed, and is served when it did not."""
    from runlore import pipeline, step
    from runlore.author.current import use_workspace
    from runlore.settings import Settings
    from runlore.workspace import Workspace

    def define(factor: int) -> Any:
        module = ModuleType("nets_of_a_project")
        module.__file__ = str(tmp_path / "nets_of_a_project.py")
        source = (
            "import torch\nclass Scaled(torch.nn.Module):\n"
            "    def __init__(self):\n        super().__init__()\n        self.w = torch.nn.Parameter(torch.ones(1))\n"
            f"    def forward(self, x):\n        return self.w * x * {factor}\n"
        )
        Path(module.__file__).write_text(source)
        sys.modules[module.__name__] = module
        exec(compile(source, module.__file__, "exec"), vars(module))
        return module

    @step
    def make() -> Any:
        return sys.modules["nets_of_a_project"].Scaled()

    @step
    def use(net: Any) -> float:
        return float(net(torch.ones(1)).detach())

    @pipeline
    def using() -> None:
        use(make())

    opened = Workspace.open(Settings(home=tmp_path / "home", durability="relaxed", progress="quiet"))
    try:
        with use_workspace(opened):
            define(2)
            statuses = [using().steps["use"].status for _ in range(2)]
            define(3)
            run = using()
            statuses.append(run.steps["use"].status)
            result = run.steps["use"].output.load()
    finally:
        opened.close()
        del sys.modules["nets_of_a_project"]

    assert statuses == ["completed", "cached", "completed"] and result == 3.0
