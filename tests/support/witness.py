"""A witness for tests: a real server with state, keys and arithmetic independent of `ledger/log`.

It cosigns as https://c2sp.org/tlog-witness specifies, or misbehaves on request. It checks
consistency with the algorithm of RFC 9162, 2.1.4.2, which walks the proof by the bits of the sizes.
"""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MOMENT = 1_679_315_147


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """Check a consistency proof as in RFC 9162, 2.1.4.2, for 0 < old < new."""
    if not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    first, last = old - 1, new - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_hash = new_hash = path[0]
    for node in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old_hash, new_hash = node_hash(node, old_hash), node_hash(node, new_hash)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new_hash = node_hash(new_hash, node)
        first, last = first >> 1, last >> 1
    return (old_hash, new_hash, last) == (old_root, new_root, 0)


@dataclass
class Witness:
    """A witness's view of one log (size and root), and its behaviour."""

    log_vkey: str
    name: str = "witness.example/w1"
    seed: bytes = b"w" * 32
    behaviour: str = "cosigns"
    size: int = 0
    root: bytes = b""
    url: str = ""
    old_sizes: list[int] = field(default_factory=list)  # the old size of each request
    release: asyncio.Event = field(default_factory=asyncio.Event)
    request_seen: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        return sha256(self.name.encode() + b"\n\x04" + self.public_key).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([4]) + self.public_key).decode()}"

    @property
    def setting(self) -> str:
        return f"{self.vkey} {self.url}"

    def cosignature_line(self, text: str, moment: int = MOMENT) -> str:
        """Return the cosignature of a checkpoint's text."""
        signed = self.key.sign(f"cosignature/v1\ntime {moment}\n{text}".encode())
        raw = self.key_id + moment.to_bytes(8, "big") + signed
        return f"— {self.name} {base64.b64encode(raw).decode()}\n"

    async def add_checkpoint(self, request: web.Request) -> web.StreamResponse:
        request_text = (await request.read()).decode()
        head, _, note = request_text.partition("\n\n")
        old_line, *proof = head.split("\n")
        old_size = int(old_line.removeprefix("old "))
        self.old_sizes.append(old_size)
        self.request_seen.set()
        if (response := await self.misbehave(note)) is not None:
            return response
        text, _, signatures = note.rpartition("\n\n")
        return self.cosign_or_refuse(old_size, [base64.b64decode(line) for line in proof], text + "\n", signatures)

    def cosign_or_refuse(self, old: int, proof: list[bytes], text: str, signatures: str) -> web.Response:
        origin, size, root = text.split("\n")[:3]
        new, new_root = int(size), base64.b64decode(root)
        name, _, key = self.log_vkey.split("+", 2)
        if origin != name or not self.is_signed(text, signatures, base64.b64decode(key)[1:]):
            return web.Response(status=404 if origin != name else 403)
        if old > new or (old == new == self.size and new_root != self.root):
            return web.Response(status=400 if old > new else 409)
        if old != self.size:
            return size_conflict(f"{self.size}\n")
        if not self.extends_tree(old, new, new_root, proof):
            return web.Response(status=422)
        self.size, self.root = new, new_root
        return web.Response(text=self.cosignature_line(text))

    def extends_tree(self, old: int, new: int, new_root: bytes, proof: list[bytes]) -> bool:
        if old in {0, new}:
            return not proof
        return is_consistent(old, new, self.root, new_root, proof)

    def is_signed(self, text: str, signatures: str, public: bytes) -> bool:
        raw = base64.b64decode(signatures.split(" ")[2].split("\n", 1)[0])
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], text.encode())
        except InvalidSignature:
            return False
        return True

    async def misbehave(self, note: str) -> web.StreamResponse | None:
        if self.behaviour == "is slow":
            await self.release.wait()
        text = note.rpartition("\n\n")[0] + "\n"
        stranger = Witness(self.log_vkey, self.name, b"x" * 32)
        responses = {
            "is down": lambda: web.Response(status=503),
            "sends too much": lambda: web.Response(body=b"\xe2\x80\x94 x " + b"A" * 8_000_000),
            "signs something else": lambda: web.Response(
                text=self.cosignature_line(text.replace(text.split("\n")[1], "7"))
            ),
            "signs with another key": lambda: web.Response(text=stranger.cosignature_line(text)),
            "sends nothing": lambda: web.Response(text=""),
            "sends no note": lambda: web.Response(text="<html>ok</html>"),
            "sends a malformed size": lambda: size_conflict("1e9\n"),
            "repeats the same size": lambda: size_conflict("0\n"),
            "sends another size each time": lambda: size_conflict(f"{len(self.old_sizes)}\n"),
            "redirects": lambda: web.Response(status=307, headers={"Location": "/elsewhere"}),
            "adds unknown witnesses": lambda: web.Response(text=self.lines_with_strangers(text)),
        }
        return responses[self.behaviour]() if self.behaviour in responses else None

    def lines_with_strangers(self, text: str) -> str:
        others = [
            Witness(self.log_vkey, f"witness.example/{n}", bytes([n]) * 32).cosignature_line(text) for n in range(3)
        ]
        return "".join([*others, self.cosignature_line(text), self.cosignature_line(text, MOMENT + 1)])


def size_conflict(body: str) -> web.Response:
    return web.Response(status=409, body=body.encode(), headers={"Content-Type": "text/x.tlog.size"})


@asynccontextmanager
async def running_witness(
    log_vkey: str, name: str = "witness.example/w1", seed: bytes = b"w" * 32
) -> AsyncIterator[Witness]:
    """Yield a witness served below a path."""
    witness = Witness(log_vkey, name, seed)
    app = web.Application()
    app.router.add_post("/some/where/add-checkpoint", witness.add_checkpoint)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    witness.url = f"http://127.0.0.1:{runner.addresses[0][1]}/some/where"
    try:
        yield witness
    finally:
        witness.release.set()
        await runner.cleanup()
