"""Sealing: other implementations open what we seal, ranges open alone, and every change is noticed."""

import os
import shutil
import subprocess
import tracemalloc
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archive.errors import Damaged
from archive.objects import seal
from archive.objects.seal import CHUNK_BYTES, HEADER_BYTES, Identity, Opening, Sealer

IDENTITY = seal.new_identity()
NOISE = os.urandom(4 * CHUNK_BYTES)
BORDERS = [n * CHUNK_BYTES + d for n in (0, 1, 2, 3) for d in (-1, 0, 1) if n or d >= 0]
SIZES = st.one_of(st.sampled_from(BORDERS), st.integers(0, 3 * CHUNK_BYTES + 5))


def seal_all(plain: bytes, piece: int = CHUNK_BYTES) -> bytes:
    sealer = Sealer(IDENTITY.public)
    pieces = [sealer.update(plain[at : at + piece]) for at in range(0, len(plain), piece)]
    return b"".join([sealer.header, *pieces, sealer.finish()])


def open_range(sealed: bytes, start: int, stop: int, size: int) -> bytes:
    opening = Opening(IDENTITY.secret, seal.cut_header(sealed))
    span = opening.span(start, stop, size)
    return b"".join(opening.open(span, sealed[span.first_byte : span.last_byte + 1]))


def test_text_forms_are_those_of_the_age_tool() -> None:
    theirs = pyrage.x25519.Identity.from_str(IDENTITY.secret_text)
    assert str(theirs) == IDENTITY.secret_text
    assert str(theirs.to_public()) == IDENTITY.recipient
    assert str(pyrage.x25519.Recipient.from_str(IDENTITY.recipient)) == IDENTITY.recipient


def test_a_secret_does_not_show_in_repr() -> None:
    assert IDENTITY.secret.hex() not in repr(IDENTITY)
    assert repr(IDENTITY.secret) not in repr(IDENTITY)


@settings(deadline=None, max_examples=40)
@given(size=SIZES, piece=st.sampled_from([1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES]))
def test_pyrage_opens_ours(size: int, piece: int) -> None:
    sealed = seal_all(NOISE[:size], piece)
    assert len(sealed) == seal.sealed_size(size)
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(IDENTITY.secret_text)]) == NOISE[:size]


@settings(deadline=None, max_examples=40)
@given(size=SIZES)
def test_we_open_pyrages_with_its_decoy_stanzas_and_other_recipients(size: int) -> None:
    other = pyrage.x25519.Identity.generate().to_public()
    sealed = pyrage.encrypt(NOISE[:size], [other, pyrage.x25519.Recipient.from_str(IDENTITY.recipient)])
    assert open_range(sealed, 0, size, size) == NOISE[:size]


def test_the_ordinary_age_tool_opens_ours(tmp_path: Path) -> None:
    plain = NOISE[: 2 * CHUNK_BYTES + 17]
    (tmp_path / "contact.age").write_bytes(seal_all(plain))
    (tmp_path / "identity.txt").write_text(IDENTITY.secret_text + "\n")
    # Without Debian's tool the same is asked of pyrage, which is the Rust port of it.
    tool = shutil.which("age")
    opened = (
        subprocess.run(
            [tool, "--decrypt", "-i", tmp_path / "identity.txt", tmp_path / "contact.age"],
            capture_output=True,
            check=True,
        ).stdout
        if tool
        else pyrage.decrypt(
            (tmp_path / "contact.age").read_bytes(), [pyrage.x25519.Identity.from_str(IDENTITY.secret_text)]
        )
    )
    assert opened == plain


def test_our_header_has_the_length_that_sizes_are_computed_from() -> None:
    assert len(Sealer(IDENTITY.public).header) == HEADER_BYTES


@settings(deadline=None, max_examples=150)
@given(size=st.integers(1, 3 * CHUNK_BYTES + 5), cut=st.tuples(st.floats(0, 1), st.floats(0, 1)))
@example(size=2 * CHUNK_BYTES, cut=(0.5, 1.0))
@example(size=2 * CHUNK_BYTES, cut=(0.0, 0.5))
def test_a_range_opens_alone(size: int, cut: tuple[float, float]) -> None:
    start = min(int(min(cut) * size), size - 1)
    stop = max(start + 1, int(max(cut) * size))
    sealed = SEALED_BY_SIZE.setdefault(size, seal_all(NOISE[:size]))
    assert open_range(sealed, start, stop, size) == NOISE[start:stop]


SEALED_BY_SIZE: dict[int, bytes] = {}


def test_a_range_reads_only_its_chunks() -> None:
    size = 3 * CHUNK_BYTES + 5
    sealed = seal_all(NOISE[:size])
    opening = Opening(IDENTITY.secret, sealed[:HEADER_BYTES])
    span = opening.span(CHUNK_BYTES + 1, CHUNK_BYTES + 2, size)
    assert span.sealed_bytes == seal.SEALED_CHUNK_BYTES
    assert span.first_byte == HEADER_BYTES + seal.SEALED_CHUNK_BYTES
    everything = opening.span(0, size, size)
    assert everything.last_byte == len(sealed) - 1


@settings(deadline=None, max_examples=60)
@given(pieces=st.lists(st.integers(1, 2 * CHUNK_BYTES), max_size=8))
def test_sealed_bytes_may_come_in_any_pieces(pieces: list[int]) -> None:
    size = 3 * CHUNK_BYTES + 5
    sealed = SEALED_BY_SIZE.setdefault(size, seal_all(NOISE[:size]))
    opening = Opening(IDENTITY.secret, sealed[:HEADER_BYTES])
    span = opening.span(100, size - 100, size)
    opener, at, end, out = opening.opener(span), span.first_byte, span.last_byte + 1, b""
    for piece in [*pieces, len(sealed)]:
        out += opener.update(sealed[at : min(at + piece, end)])
        at = min(at + piece, end)
    assert out + opener.finish() == NOISE[100 : size - 100]


@settings(deadline=None, max_examples=150)
@given(at=st.integers(0, 8 * seal.sealed_size(CHUNK_BYTES + 7) - 1))
def test_every_flipped_bit_is_noticed(at: int) -> None:
    size = CHUNK_BYTES + 7
    sealed = bytearray(SEALED_BY_SIZE.setdefault(size, seal_all(NOISE[:size])))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(Damaged):
        open_range(bytes(sealed), 0, size, size)


@settings(deadline=None, max_examples=60)
@given(size=st.integers(0, 2 * CHUNK_BYTES), lost=st.integers(1, CHUNK_BYTES))
@example(size=CHUNK_BYTES + 5, lost=5 + 16)
def test_a_cut_off_object_is_noticed(size: int, lost: int) -> None:
    sealed = seal_all(NOISE[:size])
    with pytest.raises(Damaged):
        open_range(sealed[: max(0, len(sealed) - lost)], 0, size, size)


def test_a_payload_cut_at_a_chunk_is_noticed_even_where_the_size_agrees() -> None:
    sealed = seal_all(NOISE[: 2 * CHUNK_BYTES])[: HEADER_BYTES + seal.SEALED_CHUNK_BYTES]
    with pytest.raises(Damaged):
        open_range(sealed, 0, CHUNK_BYTES, CHUNK_BYTES)


def test_swapped_chunks_are_noticed() -> None:
    sealed = seal_all(NOISE[: 3 * CHUNK_BYTES])
    first, step = HEADER_BYTES, seal.SEALED_CHUNK_BYTES
    swapped = (
        sealed[:first]
        + sealed[first + step : first + 2 * step]
        + sealed[first : first + step]
        + sealed[first + 2 * step :]
    )
    with pytest.raises(Damaged):
        open_range(swapped, 0, 10, 3 * CHUNK_BYTES)


def test_another_identity_opens_nothing() -> None:
    header = Sealer(IDENTITY.public).header
    with pytest.raises(Damaged):
        Opening(seal.new_identity().secret, header)


def test_more_bytes_than_the_span_holds_are_refused() -> None:
    sealed = seal_all(NOISE[:100])
    opening = Opening(IDENTITY.secret, sealed[:HEADER_BYTES])
    with pytest.raises(Damaged):
        opening.opener(opening.span(0, 100, 100)).update(sealed[HEADER_BYTES:] + b"x")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"age-encryption.org/v1\n",
        b"age-encryption.org/v2\n-> X25519 AAAA\nAAAA\n--- AAAA\n" + bytes(16),
        b"age-encryption.org/v1\nX25519 AAAA\nAAAA\n--- AAAA\n" + bytes(16),
        b"age-encryption.org/v1\n-> X25519 AAAA=\nAAAA\n--- AAAA\n" + bytes(16),
        b"age-encryption.org/v1\n-> X25519 " + b"A" * 43 + b"\n" + b"A" * 43 + b"\n--- AAAA\n" + bytes(16),
        b"age-encryption.org/v1\n-> scrypt AAAA 18\nAAAA\n--- AAAA\n" + bytes(16),
        b"age-encryption.org/v1\n--- AAAA\n" + bytes(16),
    ],
)
def test_rubbish_headers_are_damage_not_a_crash(header: bytes) -> None:
    with pytest.raises(Damaged):
        Opening(IDENTITY.secret, header)


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_a_secret_of_a_wrong_length_is_refused(secret: bytes) -> None:
    with pytest.raises(Damaged):
        Identity.of(secret)


def test_a_span_outside_the_payload_is_a_mistake_of_the_caller() -> None:
    opening = Opening(IDENTITY.secret, Sealer(IDENTITY.public).header)
    with pytest.raises(ValueError, match="outside"):
        opening.span(5, 5, 10)
    with pytest.raises(ValueError, match="outside"):
        opening.span(0, 11, 10)


def test_sealing_holds_one_chunk_however_long_the_payload_is() -> None:
    sealer, piece = Sealer(IDENTITY.public), bytes(16 * 1024)
    tracemalloc.start()
    try:
        for _ in range(512):
            sealer.update(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 * CHUNK_BYTES
