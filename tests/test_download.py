"""FMA's archives arrive whole: resumed, checked and safely unpacked, whatever the server does."""

from __future__ import annotations

import hashlib
import io
import resource
import stat
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from restore_audio.cli.app import main
from restore_audio.data import download
from restore_audio.data.download import Archive, Patience
from restore_audio.errors import InputError, OutputError

BODY = np.random.default_rng(1).bytes(3_000_000)
SHA1 = hashlib.sha1(BODY).hexdigest()
IMPATIENT = Patience(attempts=3, wait_s=0)


@dataclass
class Server:
    """A server that serves one body, and how it misbehaves."""

    body: bytes = BODY
    breaks_after: list[int] = field(default_factory=list)
    """Bytes after which the answers, one after the other, break off."""
    knows_ranges: bool = True
    announces_length: bool = True
    shifts_ranges_by: int = 0
    refusals: list[int] = field(default_factory=list)
    """Status codes of the first answers."""
    asked: list[str] = field(default_factory=list)
    """The Range header of each request."""
    address: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range", "")
        self.asked.append(wanted)
        if self.refusals:
            request.send_error(self.refusals.pop(0))
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.knows_ranges else 0
        if start >= len(self.body) > 0 and wanted and self.knows_ranges:
            request.send_response(416)
            request.send_header("Content-Range", f"bytes */{len(self.body)}")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        ranged = bool(wanted) and self.knows_ranges
        request.send_response(206 if ranged else 200)
        if ranged:
            first = start + self.shifts_ranges_by
            request.send_header("Content-Range", f"bytes {first}-{len(self.body) - 1}/{len(self.body)}")
        rest = self.body[start:]
        if self.announces_length:
            request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        if self.breaks_after:
            rest = rest[: self.breaks_after.pop(0)]
        request.wfile.write(rest)


@pytest.fixture
def server() -> Iterator[Server]:
    behaviour = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behaviour.answer(self)
            self.close_connection = True

        def log_message(self, *arguments: object) -> None:
            pass

    class Listening(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass  # a client that hangs up is part of the test

    with Listening(("127.0.0.1", 0), Handler) as listening:
        behaviour.address = f"http://127.0.0.1:{listening.server_port}/"
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield behaviour
        listening.shutdown()
        thread.join()


def fetched(server: Server, target: Path, *, sha1: str = SHA1) -> Path:
    return download.download(server.address + "fma.zip", target, sha1, patience=IMPATIENT)


class TestTransfer:
    def test_whole_file_arrives_with_progress(self, server: Server, tmp_path: Path) -> None:
        steps: list[tuple[int, int]] = []
        path = download.download(
            server.address,
            tmp_path / "new" / "fma.zip",
            SHA1,
            progress=lambda done, total: steps.append((done, total)),
        )
        assert path.read_bytes() == BODY
        assert steps[-1] == (len(BODY), len(BODY))
        assert [done for done, _ in steps] == sorted(done for done, _ in steps)
        assert len(steps) >= 3
        assert [each.name for each in path.parent.iterdir()] == ["fma.zip"]

    def test_broken_transfer_goes_on_where_it_broke_off(self, server: Server, tmp_path: Path) -> None:
        server.breaks_after = [1_200_000, 700_000]
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY
        first, *starts = server.asked
        assert first == ""
        kept = [int(start.removeprefix("bytes=").removesuffix("-")) for start in starts]
        assert len(kept) == 2
        assert 1_200_000 - 32_768 < kept[0] <= 1_200_000
        assert kept[0] + 700_000 - 32_768 < kept[1] <= kept[0] + 700_000

    def test_later_run_asks_only_for_the_rest(self, server: Server, tmp_path: Path) -> None:
        server.breaks_after = [983_040, 0, 0, 0]
        with pytest.raises(InputError, match="go on after 983,040 bytes"):
            fetched(server, tmp_path / "fma.zip")
        assert not (tmp_path / "fma.zip").exists()
        assert (tmp_path / "fma.zip.part").read_bytes() == BODY[:983_040]
        server.breaks_after, server.asked = [], []
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY
        assert server.asked == ["bytes=983040-"]

    def test_server_without_ranges_starts_again(self, server: Server, tmp_path: Path) -> None:
        server.knows_ranges = False
        server.breaks_after = [1_966_080]
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY
        assert server.asked == ["", "bytes=1966080-"]

    def test_server_without_ranges_that_keeps_breaking_is_given_up(self, server, tmp_path):
        server.knows_ranges = False
        server.breaks_after = [2_000_000] * 50
        with pytest.raises(InputError, match="could not be fetched"):
            fetched(server, tmp_path / "fma.zip")
        assert len(server.asked) <= 5

    def test_whole_part_of_an_earlier_run_is_not_fetched_again(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "fma.zip.part").write_bytes(BODY)
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY
        assert server.asked == [f"bytes={len(BODY)}-"]

    def test_part_longer_than_the_file_is_thrown_away(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "fma.zip.part").write_bytes(BODY + b"more")
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY

    def test_other_range_than_asked_for_never_gets_into_the_file(self, server, tmp_path):
        server.shifts_ranges_by = 7
        (tmp_path / "fma.zip.part").write_bytes(BODY[:1000])
        with pytest.raises(InputError, match="another part of the file"):
            fetched(server, tmp_path / "fma.zip")
        assert (tmp_path / "fma.zip.part").read_bytes() == BODY[:1000]

    def test_unknown_length_is_no_obstacle(self, server: Server, tmp_path: Path) -> None:
        server.announces_length = False
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY

    def test_busy_server_is_asked_again(self, server: Server, tmp_path: Path) -> None:
        server.refusals = [503, 429]
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY

    @pytest.mark.parametrize("status", [403, 404])
    def test_refusal_is_final(self, server: Server, tmp_path: Path, status: int) -> None:
        server.refusals = [status] * 9
        with pytest.raises(InputError, match=f"answers {status}"):
            fetched(server, tmp_path / "fma.zip")
        assert len(server.asked) == 1

    def test_no_server_at_all(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="no connection"):
            download.download("http://127.0.0.1:9/fma.zip", tmp_path / "a.zip", SHA1, patience=IMPATIENT)

    @pytest.mark.parametrize("url", ["os.unil.cloud.switch.ch/fma.zip", "htp://x/fma.zip", "http:///fma.zip"])
    def test_what_is_no_address_is_refused_at_once(self, tmp_path: Path, url: str) -> None:
        with pytest.raises(InputError, match="is no address"):
            download.download(url, tmp_path / "a.zip", SHA1)


class TestSum:
    def test_wrong_bytes_are_refused_and_deleted(self, server: Server, tmp_path: Path) -> None:
        server.body = BODY[:-1] + b"!"
        with pytest.raises(InputError, match="other bytes than FMA published"):
            fetched(server, tmp_path / "fma.zip")
        assert list(tmp_path.iterdir()) == []

    def test_resumed_part_of_another_file_is_refused(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "fma.zip.part").write_bytes(bytes(5000))
        with pytest.raises(InputError, match="other bytes"):
            fetched(server, tmp_path / "fma.zip")
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY

    def test_right_file_is_not_fetched_again(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "fma.zip").write_bytes(BODY)
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY
        assert server.asked == []

    def test_wrong_file_in_place_is_reported_and_left_alone(self, server: Server, tmp_path: Path) -> None:
        (tmp_path / "fma.zip").write_bytes(b"mine")
        with pytest.raises(InputError, match="wrong SHA-1"):
            fetched(server, tmp_path / "fma.zip")
        assert (tmp_path / "fma.zip").read_bytes() == b"mine"

    def test_sums_and_address_are_those_of_fmas_readme(self) -> None:
        assert download.FMA_ADDRESS == "https://os.unil.cloud.switch.ch/fma/"
        assert {archive.file: archive.sha1 for archive in download.ARCHIVES.values()} == {
            "fma_metadata.zip": "f0df49ffe5f2a6008d7dc83c6915b31835dfe733",
            "fma_small.zip": "ade154f733639d52e35e32f5593efe5be76c6d70",
            "fma_medium.zip": "c67b69ea232021025fca9231fc1c7c1a063ab50b",
        }


class TestFullDisk:
    def test_disk_that_is_too_small_is_refused_first(self, server, tmp_path, monkeypatch):
        monkeypatch.setattr(download.shutil, "disk_usage", lambda path: Usage(len(BODY) - 1))
        with pytest.raises(OutputError, match="make room"):
            fetched(server, tmp_path / "fma.zip")
        assert list(tmp_path.iterdir()) == []

    def test_disk_that_fills_up_keeps_what_arrived(self, server: Server, tmp_path: Path) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        try:
            with pytest.raises(OutputError, match="what has arrived is kept"):
                fetched(server, tmp_path / "fma.zip")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        kept = (tmp_path / "fma.zip.part").stat().st_size
        assert 1_000_000 <= kept <= 2_000_000
        server.asked = []
        assert fetched(server, tmp_path / "fma.zip").read_bytes() == BODY
        assert server.asked == [f"bytes={kept}-"]


@dataclass(frozen=True)
class Usage:
    free: int


def zipped(files: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


FILES = {"fma_small/000/000002.mp3": b"two" * 999, "fma_small/000/000005.mp3": b"five", "empty.txt": b""}


class TestUnzip:
    @pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
    def test_files_come_out_as_they_went_in(self, tmp_path: Path, compression: int) -> None:
        (tmp_path / "a.zip").write_bytes(zipped(FILES, compression=compression))
        assert download.unzip(tmp_path / "a.zip", tmp_path / "out") == 3
        found = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")}
        assert found == set(FILES)
        for name, content in FILES.items():
            assert (tmp_path / "out" / name).read_bytes() == content

    def test_second_time_only_what_is_missing_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(zipped(FILES))
        download.unzip(tmp_path / "a.zip", tmp_path / "out")
        (tmp_path / "out" / "fma_small/000/000005.mp3").unlink()
        assert download.unzip(tmp_path / "a.zip", tmp_path / "out") == 1
        assert (tmp_path / "out" / "fma_small/000/000005.mp3").read_bytes() == b"five"

    @pytest.mark.parametrize(
        "name", ["../evil.mp3", "/evil.mp3", "a/../../evil.mp3", "c:/evil", "..\\evil", "."]
    )
    def test_names_that_lead_out_are_refused_before_anything_is_written(self, tmp_path, name):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.zip").write_bytes(zipped({"good.mp3": b"x", name: b"x"}))
        with pytest.raises(InputError, match="lead out of the folder"):
            download.unzip(tmp_path / "in" / "a.zip", tmp_path / "in" / "out")
        assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.zip"]

    def test_damaged_names_of_any_length_are_told_in_a_short_sentence(self, tmp_path: Path) -> None:
        content = bytearray(zipped({"d/" * 500 + "e": b"x"}))
        content[40] ^= 1  # of the name beside the file, which the list of names contradicts now
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(InputError, match="is not a whole zip archive") as caught:
            download.unzip(tmp_path / "a.zip", tmp_path / "out")
        assert len(str(caught.value)) < 600

    def test_links_are_refused(self, tmp_path: Path) -> None:
        link = zipfile.ZipInfo("music")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr(link, "/etc")
        with pytest.raises(InputError, match="lead out"):
            download.unzip(tmp_path / "a.zip", tmp_path / "out")

    @pytest.mark.parametrize("link", ["fma_small", "fma_small/000", "empty.txt"])
    def test_links_in_the_folder_are_not_followed(self, tmp_path: Path, link: str) -> None:
        (tmp_path / "a.zip").write_bytes(zipped(FILES))
        (tmp_path / "elsewhere").mkdir()
        place = tmp_path / "out" / link
        place.parent.mkdir(parents=True)
        place.symlink_to(tmp_path / "elsewhere")
        with pytest.raises(OutputError, match="is a symbolic link"):
            download.unzip(tmp_path / "a.zip", tmp_path / "out")
        assert list((tmp_path / "elsewhere").iterdir()) == []
        assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []

    def test_encrypted_archive_is_one_sentence(self, tmp_path: Path) -> None:
        content = bytearray(zipped({"a.mp3": b"x"}, compression=zipfile.ZIP_STORED))
        content[content.index(b"PK\x01\x02") + 8] |= 1  # the flag of encryption, in the directory
        content[content.index(b"PK\x03\x04") + 6] |= 1
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(InputError, match="not a whole zip archive"):
            download.unzip(tmp_path / "a.zip", tmp_path / "out")

    @pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
    def test_damaged_archive_is_one_sentence_and_leaves_no_half_file(self, tmp_path, damage):
        content = zipped({"a.mp3": BODY[:50_000], "b.mp3": BODY[:50_000]})
        flipped = content[:60_000] + bytes(200) + content[60_200:]
        variants = {"cut": content[:-500], "flipped": flipped, "empty": b"", "text": b"<html>" * 99}
        (tmp_path / "a.zip").write_bytes(variants[damage])
        with pytest.raises(InputError, match="not a whole zip archive"):
            download.unzip(tmp_path / "a.zip", tmp_path / "out")
        written = {path.name: path.read_bytes() for path in tmp_path.rglob("*.mp3*")}
        assert written in ({}, {"a.mp3": BODY[:50_000]})

    def test_a_member_without_a_name_is_one_sentence(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("x", b"sound")
        whole = (tmp_path / "a.zip").read_bytes()
        at = whole.index(b"PK\x01\x02")
        shorter = bytearray(whole[: at + 46] + whole[at + 47 :])
        shorter[at + 28 : at + 30] = b"\0\0"  # length of the name in the directory
        end = shorter.index(b"PK\x05\x06")
        size = int.from_bytes(shorter[end + 12 : end + 16], "little") - 1
        shorter[end + 12 : end + 16] = size.to_bytes(4, "little")
        (tmp_path / "a.zip").write_bytes(bytes(shorter))
        with pytest.raises(InputError, match="is not a whole zip archive"):
            download.unzip(tmp_path / "a.zip", tmp_path / "out")


class TestCommand:
    @pytest.fixture
    def metadata(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
        server.body = zipped({"fma_metadata/tracks.csv": b"a,b\n" * 500})
        archive = Archive("fma_metadata.zip", hashlib.sha1(server.body).hexdigest())
        monkeypatch.setitem(download.ARCHIVES, "fma-metadata", archive)
        return server

    def arguments(self, server: Server, to: Path) -> list[str]:
        return [
            *("data", "fetch", "fma-metadata", "--to", str(to), "--mirror", server.address),
            *("--attempts", "2"),
        ]

    def test_fetches_checks_and_unpacks(self, metadata: Server, tmp_path: Path) -> None:
        metadata.breaks_after = [20]
        assert main(self.arguments(metadata, tmp_path / "fma")) == 0
        assert (tmp_path / "fma" / "fma_metadata" / "tracks.csv").read_bytes() == b"a,b\n" * 500
        assert (tmp_path / "fma" / "fma_metadata.zip").exists()
        assert main([*self.arguments(metadata, tmp_path / "fma"), "--remove-archive"]) == 0
        assert not (tmp_path / "fma" / "fma_metadata.zip").exists()
        assert metadata.asked == ["", ""]

    def test_wrong_sum_is_one_sentence_and_exit_code_1(self, metadata, tmp_path, capsys):
        metadata.body = zipped({"fma_metadata/tracks.csv": b"changed"})
        assert main(self.arguments(metadata, tmp_path / "fma")) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        assert "other bytes than FMA published" in err
        assert list((tmp_path / "fma").iterdir()) == []

    def test_unknown_archive_is_wrong_usage(self, tmp_path: Path) -> None:
        assert main(["data", "fetch", "fma-huge", "--to", str(tmp_path)]) == 2
