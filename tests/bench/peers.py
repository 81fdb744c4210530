"""The programs to be measured beside ours: how each is told to fetch a list of URLs into a folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_SPIDER = """
import scrapy

class Photos(scrapy.Spider):
    name = "photos"
    custom_settings = {{
        "ITEM_PIPELINES": {{"scrapy.pipelines.{pipeline}": 1}}, "{kind}_STORE": "out", "LOG_LEVEL": "ERROR",
        "CONCURRENT_REQUESTS": 32, "CONCURRENT_REQUESTS_PER_DOMAIN": 32, "DOWNLOAD_DELAY": 0, "ROBOTSTXT_OBEY": False,
        "TELNETCONSOLE_ENABLED": False,
    }}

    async def start(self):
        yield scrapy.Request("{first}", self.parse, dont_filter=True)

    def parse(self, response):
        yield {{"{field}": open("urls.txt").read().split()}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """`command` makes the command line from the folder to work in, which holds `urls.txt`; it writes below `out`.

    It works in so many `processes`.
    """

    name: str
    program: str
    decodes: bool
    command: Callable[[Path], Sequence[str]]
    processes: int = 1

    @property
    def installed(self) -> bool:
        """Whether its program is on the PATH."""
        return shutil.which(self.program) is not None


def _img2dataset(*options: str) -> Callable[[Path], Sequence[str]]:
    common = ("--url_list", "urls.txt", "--output_folder", "out", "--output_format", "files", "--enable_wandb", "False")
    lanes = ("--processes_count", "2", "--thread_count", "32", "--disallowed_header_directives", "[]")
    return lambda _: ("img2dataset", *common, *lanes, "--number_sample_per_shard", "500", *options)


def _scrapy(pipeline: str, kind: str, field: str) -> Callable[[Path], Sequence[str]]:
    def command(folder: Path) -> Sequence[str]:
        first = (folder / "urls.txt").read_text().split()[0]
        spider = _SPIDER.format(pipeline=pipeline, kind=kind, field=field, first=first)
        (folder / "spider.py").write_text(spider)
        return ("scrapy", "runspider", "spider.py")

    return command


PEERS = (
    Peer(
        "img2dataset, decoding", "img2dataset", True, _img2dataset("--resize_mode", "no", "--skip_reencode", "True"), 2
    ),
    Peer("Scrapy ImagesPipeline", "scrapy", True, _scrapy("images.ImagesPipeline", "IMAGES", "image_urls")),
    Peer("img2dataset, no checks", "img2dataset", False, _img2dataset("--disable_all_reencoding", "True"), 2),
    Peer("Scrapy FilesPipeline", "scrapy", False, _scrapy("files.FilesPipeline", "FILES", "file_urls")),
    Peer("gallery-dl", "gallery-dl", False, lambda _: ("gallery-dl", "-q", "-D", "out", "-i", "urls.txt")),
    Peer("wget2", "wget2", False, lambda _: ("wget2", "-q", "--max-threads=32", "-P", "out", "-i", "urls.txt")),
    Peer("aria2c", "aria2c", False, lambda _: ("aria2c", "-q", "-j32", "-x1", "-d", "out", "-i", "urls.txt")),
)
