"""Models, tokenizers and configurations of transformers: as ``save_pretrained`` keeps them, without the network."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")

from runlore.errors import ValueUnloadable, ValueUnstorable
from runlore.record.blobs.local import LocalBlobs
from runlore.record.memory import MemoryRecord
from runlore.record.vault import Vault
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values.codec import decode
from runlore.values.materializer import ArtifactType
from runlore.values.metadata import encode_metadata
from runlore.values.registry import by_name, materializer_for

pytestmark = pytest.mark.slow

TOKENS = torch.tensor([[1, 2, 3, 4]])
SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 20}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def bert() -> Any:
    return transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL, num_labels=3))


def gpt() -> Any:
    config = transformers.GPT2Config(
        n_embd=8, n_layer=1, n_head=2, vocab_size=20, n_positions=16, bos_token_id=1, eos_token_id=2
    )
    return transformers.GPT2LMHeadModel(config)


def split() -> Any:
    found = tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0, "a": 1, "b": 2}, unk_token="[UNK]"))
    found.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return found


def fast() -> Any:
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=split(), unk_token="[UNK]", model_max_length=7, padding_side="left", pad_token="[UNK]"
    )


@pytest.mark.parametrize("make", [bert, gpt, lambda: bert().double(), lambda: bert().bfloat16()])
def test_models_come_back_exactly(make: Any, tmp_path: Path) -> None:
    """A model comes back with class, weights, numbers' type and configuration: its outputs are the same bits."""
    model = make().eval()
    store = materializer_for(model)
    found = round_trip(store, model, tmp_path)

    assert store.name == "transformers_model" and not store.runs_code and store.artifact_type is ArtifactType.MODEL
    assert type(found) is type(model) and found.dtype == model.dtype and found.name_or_path == model.name_or_path
    assert found.config.to_dict() == model.config.to_dict()
    assert torch.equal(found(TOKENS).logits, model(TOKENS).logits)
    for name, tensor in model.state_dict().items():
        assert torch.equal(found.state_dict()[name], tensor)


def test_mode_frozen_and_tied_weights_are_kept(tmp_path: Path) -> None:
    """Training mode, which parameters are frozen, and tied weights are as they were."""
    model = gpt().train()
    model.transformer.wpe.weight.requires_grad_(False)
    found = round_trip(by_name("transformers_model"), model, tmp_path)

    assert found.training and found.transformer.h[0].training
    assert not found.transformer.wpe.weight.requires_grad and found.transformer.wte.weight.requires_grad
    assert found.lm_head.weight is found.transformer.wte.weight


def test_models_of_ones_own_are_modules(tmp_path: Path) -> None:
    """A class derived from transformers', or a model of mixed numbers, is stored as a module, exactly."""

    class Own(transformers.BertModel):
        pass

    own = Own(transformers.BertConfig(**SMALL)).eval()
    mixed = bert()
    mixed.classifier.half()
    found = round_trip(materializer_for(own), own, tmp_path)

    assert materializer_for(own).name == materializer_for(mixed).name == "module"
    assert torch.equal(found(TOKENS).last_hidden_state, own(TOKENS).last_hidden_state)


def test_tokenizers_come_back(tmp_path: Path) -> None:
    """A tokenizer comes back with vocabulary, special tokens and settings; nothing of it is pickled."""
    store = materializer_for(fast())
    found = round_trip(store, fast(), tmp_path)

    assert store.name == "transformers" and not store.runs_code
    assert type(found) is type(fast()) and found.name_or_path == fast().name_or_path
    assert dict(found(["a b c", "a"], padding=True)) == dict(fast()(["a b c", "a"], padding=True))
    assert (found.model_max_length, found.padding_side, found.special_tokens_map) == (
        7, "left", fast().special_tokens_map,
    )  # fmt: skip
    assert found.get_vocab() == fast().get_vocab()


def test_bare_tokenizers_are_json(tmp_path: Path) -> None:
    """A tokenizer of the library ``tokenizers`` is its own JSON."""
    writer = MemoryWriter()
    store = materializer_for(split())
    store.save(split(), writer)
    found = store.load(writer.reader(tmp_path))

    assert store.name == "tokenizers" and json.loads(b"".join(writer.parts))["model"]["type"] == "WordLevel"
    assert found.encode("a b c").ids == [1, 2, 0] and found.to_str() == split().to_str()
    assert store.metadata(split())["vocabulary"] == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda: transformers.BertConfig(**SMALL),
        lambda: transformers.GenerationConfig(max_length=3),
        lambda: transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000),
        lambda: transformers.CLIPImageProcessorPil(size={"shortest_edge": 7}),
    ],
    ids=["configuration", "generation", "features", "images"],
)
def test_settings_come_back(make: Any, tmp_path: Path) -> None:
    """Configurations and processors come back equal, and their settings are shown."""
    value = make()
    store = materializer_for(value)
    found = round_trip(store, value, tmp_path)

    assert store.name == "transformers" and type(found) is type(value)
    assert found.to_dict() == value.to_dict()
    assert json.loads(store.pictures(value)[0].data)


def test_others_read_the_folder(tmp_path: Path) -> None:
    """Without runlore, transformers finds model and tokenizer in their folders."""
    model = bert().eval()
    writer, words = MemoryWriter(), MemoryWriter()
    by_name("transformers_model").save(model, writer)
    by_name("transformers").save(fast(), words)
    (tmp_path / "words").mkdir()
    found = transformers.AutoModelForSequenceClassification.from_pretrained(writer.reader(tmp_path).path())
    tokenizer = transformers.AutoTokenizer.from_pretrained(words.reader(tmp_path / "words").path())

    assert all(map(torch.equal, found.state_dict().values(), model.state_dict().values()))
    assert tokenizer("a b")["input_ids"] == [1, 2]


def test_saving_and_loading_says_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """No progress bar is shown for what takes no time, and bars are shown again afterwards if they were."""
    round_trip(by_name("transformers_model"), bert(), tmp_path)

    assert capfd.readouterr() == ("", "")
    assert transformers.utils.logging.is_progress_bar_enabled()


def test_models_and_tokenizers_are_described() -> None:
    """Metadata tell class, kind, parameters, type of numbers and mode of a model, and the vocabulary of a tokenizer."""
    model = bert()
    model.classifier.weight.requires_grad_(False)
    described = by_name("transformers_model").metadata(model)

    assert described["model_type"] == "bert" and described["dtype"] == "float32"
    assert described["parameters"] - described["trainable"] == 24
    assert by_name("transformers").metadata(fast())["vocabulary"] == 3
    assert decode(encode_metadata("m", dict(described))) == described


def test_equal_models_have_equal_digests(tmp_path: Path) -> None:
    """A model that was stored, loaded and stored again has the same digest; so have equal tokenizers."""
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)
    content = vault.store(bert())

    assert vault.store(vault.load(content)).digest == content.digest
    assert vault.store(fast()).digest == vault.store(fast()).digest


def test_pipelines_and_trainers_are_refused(tmp_path: Path) -> None:
    """A pipeline or trainer is no value; the error says what to return in its place."""
    pipe = transformers.pipeline("feature-extraction", model=bert().bert, tokenizer=fast())
    vault = Vault(MemoryRecord(), LocalBlobs(tmp_path), key=b"k" * 32)

    with pytest.raises(ValueUnstorable, match=r"Return pipeline\.model and pipeline\.tokenizer"):
        vault.store(pipe)


def test_classes_that_are_gone_are_told(tmp_path: Path) -> None:
    """A model whose class this release of transformers does not have says so, and nothing else is looked up."""
    for name in ("NoSuchModel", "logging", "__version__"):
        writer = MemoryWriter()
        by_name("transformers_model").save(bert(), writer)
        reader = writer.reader(tmp_path)
        reader._tree["runlore.json"] = json.dumps({"class": name, "attention": None}).encode()
        with pytest.raises(ValueUnloadable, match="has no class"):
            by_name("transformers_model").load(reader)


HOSTILE_CODE = """
import os
os.environ["RUNLORE_TEST_RAN"] = "1"
from transformers import PretrainedConfig, PreTrainedModel
class C(PretrainedConfig): model_type = "unheard"
class M(PreTrainedModel): config_class = C
"""
CHOSEN = {"AutoConfig": "evil.C", "AutoModel": "evil.M", "AutoProcessor": "evil.C", "AutoTokenizer": ["evil.C", None]}


@pytest.mark.parametrize(
    ("name", "materializer"),
    [
        ("AutoConfig", "transformers"),
        ("AutoTokenizer", "transformers"),
        ("AutoProcessor", "transformers"),
        ("CLIPProcessor", "transformers"),
        ("AutoModel", "transformers_model"),
    ],
)
def test_a_folder_that_brings_code_runs_none_and_asks_nobody(
    name: str, materializer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code beside a model is not run, and no question whether it may be is asked, whatever the files say."""
    monkeypatch.delenv("RUNLORE_TEST_RAN", raising=False)
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asked"))
    about = {"class": name, "name_or_path": "x", "attention": None, "frozen": [], "training": False}
    chosen = {"model_type": "unheard", "auto_map": CHOSEN, "tokenizer_class": "C", "processor_class": "C"}
    settings = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
    files = {"runlore.json": about, **dict.fromkeys(settings, chosen)}
    tree = {file: json.dumps(said).encode() for file, said in files.items()} | {"evil.py": HOSTILE_CODE.encode()}

    with pytest.raises(ValueUnloadable):
        by_name(materializer).load(PayloadReader(tmp_path, tree, None))
    assert "RUNLORE_TEST_RAN" not in os.environ


@pytest.mark.parametrize(
    "said",
    [
        {"_attn_implementation": "someone/attention"},
        {"text_config": {"attn_implementation": {"": "someone/attention@main"}}},
        {"_experts_implementation_internal": "someone/experts"},
        {"quantization_config": {"quant_method": "mxfp4"}},
    ],
)
def test_a_configuration_that_names_code_elsewhere_is_refused(said: dict[str, Any], tmp_path: Path) -> None:
    """A model whose configuration would have code fetched is not loaded."""
    writer = MemoryWriter()
    by_name("transformers_model").save(bert(), writer)
    tree = {name: file.getvalue() for name, file in writer.tree.items()}
    tree["config.json"] = json.dumps({**json.loads(tree["config.json"]), **said}).encode()

    with pytest.raises(ValueUnloadable, match="configuration"):
        by_name("transformers_model").load(PayloadReader(tmp_path, tree, None))


def test_weights_are_not_read_from_a_pickle(tmp_path: Path) -> None:
    """Weights in torch's own format, a pickle, are not looked at."""
    writer = MemoryWriter()
    by_name("transformers_model").save(bert(), writer)
    tree = {name: file.getvalue() for name, file in writer.tree.items()}
    del tree["model.safetensors"]
    torch.save({}, tmp_path / "weights")
    tree["pytorch_model.bin"] = (tmp_path / "weights").read_bytes()

    with pytest.raises(ValueUnloadable, match="safetensors"):
        by_name("transformers_model").load(PayloadReader(tmp_path, tree, None))
