"""The keyring: what is wrapped opens only with its key and in its place, and key files survive what befalls them."""

import concurrent.futures
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.errors import Damaged, Misconfigured
from archive.objects import keyfiles, keyring
from archive.objects.keyring import Keyring, UnknownKey, Wrapped
from archive.settings import Settings

SECRET = bytes(range(32))


def settings_of(folder: Path) -> Settings:
    return Settings(
        data=folder,
        keyring_file=folder / keyfiles.KEYRING,
        index_key_file=folder / keyfiles.INDEX_KEY,
        signing_key_file=folder / keyfiles.SIGNING_KEY,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keyfiles.create_files(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def ring(folder: Path) -> Keyring:
    return Keyring(settings_of(folder))


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    folder = tmp_path_factory.mktemp("keys")
    keyfiles.create_files(folder)
    return Keyring(settings_of(folder))


def test_files_are_made_for_their_owner_alone_and_never_made_anew(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name: stat.S_IMODE((folder / name).stat().st_mode) for name in before} == {
        "keyring": 0o600,
        "index.key": 0o600,
        "signing.pem": 0o600,
    }
    (folder / "index.key").unlink()
    keyfiles.create_files(folder)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.pop("index.key") != before.pop("index.key")
    assert after == before


def test_a_secret_comes_back_in_its_own_place_only(ring: Keyring) -> None:
    wrapped = ring.wrap(SECRET, b"interaction 1")
    assert ring.unwrap(wrapped, b"interaction 1") == SECRET
    assert SECRET not in wrapped.data
    with pytest.raises(Damaged):
        ring.unwrap(wrapped, b"interaction 2")


@given(at=st.integers(0, 60 * 8 - 1))
def test_every_flipped_bit_of_a_wrapped_secret_is_noticed(lasting: Keyring, at: int) -> None:
    wrapped = lasting.wrap(SECRET, b"x")
    data = bytearray(wrapped.data)
    assert len(data) == 60
    data[at // 8] ^= 1 << at % 8
    with pytest.raises(Damaged):
        lasting.unwrap(Wrapped(key_id=wrapped.key_id, data=bytes(data)), b"x")


def test_too_short_a_wrapped_secret_is_damage(ring: Keyring) -> None:
    for size in (0, 5, 12, 20):
        with pytest.raises(Damaged):
            ring.unwrap(Wrapped(key_id=ring.active_id, data=bytes(size)), b"x")


@given(text=st.text(max_size=50), context=st.binary(max_size=20))
def test_a_sealed_field_comes_back(lasting: Keyring, text: str, context: bytes) -> None:
    sealed = lasting.seal_text(text, context)
    assert lasting.open_text(sealed, context) == text
    assert sealed.startswith(keyring.text_prefix(lasting.active_id))
    assert keyring.text_key_id(sealed) == lasting.active_id
    with pytest.raises(Damaged):
        lasting.open_text(sealed, context + b"!")


def test_a_field_does_not_open_as_an_identity(ring: Keyring) -> None:
    sealed = ring.seal_text("020190-901A", b"x")
    data = sealed.removeprefix(keyring.text_prefix(ring.active_id))
    with pytest.raises(Damaged):
        ring.unwrap(Wrapped(key_id=ring.active_id, data=data), b"x")


@given(rubbish=st.binary(max_size=80))
def test_rubbish_is_no_sealed_field(lasting: Keyring, rubbish: bytes) -> None:
    with pytest.raises(Damaged):
        lasting.open_text(rubbish, b"x")


def test_a_key_added_by_another_process_is_taken_up_without_restart(folder: Path, ring: Keyring) -> None:
    old = ring.wrap(SECRET, b"x")
    added = keyfiles.add_key(folder / "keyring")
    new = Keyring(settings_of(folder)).wrap(SECRET, b"x")
    assert (new.key_id, ring.active_id) == (added, added)
    assert ring.unwrap(new, b"x") == ring.unwrap(old, b"x") == SECRET
    assert ring.rewrap(old, b"x").key_id == added
    assert ring.key_ids == (added, old.key_id)


def test_fields_are_resealed_under_the_active_key(folder: Path, ring: Keyring) -> None:
    old = ring.seal_text("FI2112345600000785", b"account")
    added = keyfiles.add_key(folder / "keyring")
    new = ring.reseal_text(old, b"account")
    assert keyring.text_key_id(new) == added
    assert ring.open_text(new, b"account") == "FI2112345600000785"


def test_a_key_that_is_gone_is_named_as_such(ring: Keyring) -> None:
    with pytest.raises(UnknownKey):
        ring.unwrap(Wrapped(key_id="gone", data=bytes(60)), b"x")


def test_a_file_broken_by_hand_leaves_a_running_process_its_keys(folder: Path, ring: Keyring) -> None:
    wrapped = ring.wrap(SECRET, b"x")
    (folder / "keyring").write_text("rubbish\n")
    assert ring.unwrap(ring.wrap(SECRET, b"x"), b"x") == SECRET
    (folder / "keyring").unlink()
    assert ring.active_id == wrapped.key_id


def test_keys_added_at_once_are_all_kept(folder: Path) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        added = set(pool.map(lambda _: keyfiles.add_key(folder / "keyring"), range(16)))
    kept = keyfiles.read_keyring(folder / "keyring")
    assert len(added) == 16
    assert added < set(kept)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_keyed_hash_depends_on_key_label_and_text(ring: Keyring, lasting: Keyring) -> None:
    hashes = {
        ring.keyed_hash("hetu", "020190-901A"),
        ring.keyed_hash("phone", "020190-901A"),
        ring.keyed_hash("hetu", "020190-902B"),
        lasting.keyed_hash("hetu", "020190-901A"),
    }
    assert len(hashes) == 4
    assert ring.keyed_hash("hetu", "020190-901A") in hashes
    with pytest.raises(ValueError, match="zero"):
        ring.keyed_hash("a\0b", "c")


def test_a_signature_holds_for_its_bytes_and_key_only(ring: Keyring, lasting: Keyring) -> None:
    signature = ring.sign(b"certificate")
    assert keyring.is_signed(ring.public_key, signature, b"certificate")
    assert not keyring.is_signed(ring.public_key, signature, b"certificatf")
    assert not keyring.is_signed(lasting.public_key, signature, b"certificate")
    assert not keyring.is_signed(b"short", signature, b"certificate")


SECRET_HEX = "7a" * 32


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("keyring", "", "no key"),
        ("keyring", f"a {SECRET_HEX}\nb {SECRET_HEX[:-1]}\n", "line 2"),
        ("keyring", f"a {SECRET_HEX}\n\n# kept\na {SECRET_HEX}\n", "line 4"),
        ("keyring", f"{SECRET_HEX}\n", "line 1"),
        ("keyring", f"ä {SECRET_HEX}\n", "plain text"),
        ("index.key", SECRET_HEX[:-2], "64 hex"),
        ("signing.pem", SECRET_HEX, "PEM"),
    ],
)
def test_a_malformed_file_is_told_without_its_content(folder: Path, name: str, content: str, said: str) -> None:
    (folder / name).write_text(content, "utf-8")
    with pytest.raises(Misconfigured, match=said) as caught:
        Keyring(settings_of(folder))
    assert SECRET_HEX[:20] not in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "keyring").unlink()
    with pytest.raises(Misconfigured, match="keyring"):
        Keyring(settings_of(folder))
    with pytest.raises(Misconfigured, match="keyring"):
        keyfiles.add_key(folder / "keyring")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match="file"):
        keyfiles.create_files(tmp_path / "file" / "keys")


def test_comments_and_blank_lines_survive_an_added_key(folder: Path) -> None:
    path = folder / "keyring"
    path.write_text(f"# first installation\n\nold\t{SECRET_HEX}\n")
    path.chmod(0o640)
    added = keyfiles.add_key(path)
    assert list(keyfiles.read_keyring(path)) == [added, "old"]
    assert "# first installation" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
