"""Bad files of every kind, made by code, and what is said of them."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen

from tests.framework.pipeline import nets
from tests.hostile.seeds import BUNDLE, COCO, PIXELS, RECIPE, RESULT, TASKS, VOC, picture, tiff


@frozen
class Case:
    """A file and what is said of it."""

    target: str
    """Of `tests.hostile.targets`."""
    name: str
    content: bytes | Callable[[bytes], bytes]
    """Or how a good file is spoilt."""
    told: str | None = ""
    """A pattern of what is said; None for a file that is read, whatever is wrong with it."""


def _chunk(kind: bytes, data: bytes, checksum: int | None = None) -> bytes:
    sum_of = zlib.crc32(kind + data) if checksum is None else checksum
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_of)


def png(width: int, height: int, *chunks: bytes, bits: int = 8, colour: int = 0, data: bytes = b"") -> bytes:
    """A PNG with a header as given."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    end = _chunk(b"IDAT", zlib.compress(data)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + end


def bmp(width: int, height: int, bits: int = 8) -> bytes:
    """A BMP header without pixels."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(header), 0, 0, 54) + header


def raw_tiff(*entries: tuple[int, int, int, int], after: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one page: entries are tag, type, count, value or offset."""
    fields = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + fields + struct.pack("<I", following) + after


SHORT, LONG = 3, 4


def page(width: int = 4, height: int = 4, *more: tuple[int, int, int, int], **tags: int) -> bytes:
    """A grey page whose pixels are at offset 200; `more` replaces or adds entries."""
    entries = {
        256: (256, LONG, 1, width),
        257: (257, LONG, 1, height),
        258: (258, SHORT, 1, 8),
        259: (259, SHORT, 1, 1),
        262: (262, SHORT, 1, 1),
        273: (273, LONG, 1, 200),
        277: (277, SHORT, 1, 1),
        278: (278, LONG, 1, height),
        279: (279, LONG, 1, 16),
    } | {entry[0]: entry for entry in more}
    made = raw_tiff(*entries.values())
    return made.ljust(200, b"\0") + bytes(16)


def _tiles(side: int) -> list[tuple[int, int, int, int]]:
    return [(322, LONG, 1, side), (323, LONG, 1, side), (324, LONG, 1, 200), (325, LONG, 1, 16)]


def _changed(good: Any, *path: Any, to: Any) -> bytes:
    """JSON with another value at a path; a `to` of None leaves the key out."""
    changed = json.loads(json.dumps(good))
    *way, last = path
    node = changed
    for key in way:
        node = node[key]
    if to is None:
        del node[last]
    else:
        node[last] = to
    return json.dumps(changed).encode()


def _box(bbox: Any) -> bytes:
    return _changed(COCO, "annotations", 0, "bbox", to=bbox)


def _result(**values: Any) -> bytes:
    return json.dumps([TASKS[0] | {"annotations": [{"result": [RESULT | values]}]}]).encode()


def header(content: dict[str, Any], data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file."""
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


_LAUGHS = '<!DOCTYPE x [<!ENTITY a0 "ha">' + "".join(
    f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(12)
)
_OME = (
    '<OME xmlns="x"><Image><Pixels DimensionOrder="XYZCT" SizeX="16" SizeY="12" SizeC="1" {}/></Image></OME>'
)
_BOMB = zlib.compress(bytes(300_000_000), 9)
_HUGE = 2**31 - 1
_JPEG = picture("JPEG")
_SIZE_AT = _JPEG.index(b"\xff\xc0") + 5
_TENSOR = {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]}

IMAGES = (
    Case("png", "empty", b"", "empty"),
    Case("png", "text", b"hello", "not an image"),
    Case("png", "zeros", bytes(1000), "not an image"),
    Case("png", "signature alone", b"\x89PNG\r\n\x1a\n", "a.png"),
    Case("png", "truncated", lambda good: good[: len(good) // 2], "a.png"),
    Case("png", "as many pixels as can be declared", png(_HUGE, _HUGE), "bomb"),
    Case("png", "one line too long", png(_HUGE, 1), "bomb"),
    Case("png", "more pixels than are read", png(10_000, 10_000), "at most 64 million"),
    Case("png", "16 bits and absurdly large", png(_HUGE, _HUGE, bits=16), "a.png"),
    Case("png", "no width", png(0, 5), "a.png"),
    Case("png", "no pixels", png(16, 12, data=b""), "a.png"),
    Case("png", "too few pixels of 16 bits", png(16, 12, bits=16, data=bytes(10)), "a.png"),
    Case("png", "pixels that unpack to 300 MB", png(8, 8).replace(zlib.compress(b""), _BOMB), "a.png"),
    Case("png", "text that unpacks to 300 MB", png(8, 8, _chunk(b"zTXt", b"t\0\0" + _BOMB)), "a.png"),
    Case("png", "profile that unpacks to 300 MB", png(8, 8, _chunk(b"iCCP", b"t\0\0" + _BOMB)), "a.png"),
    Case("png", "wrong checksum", png(8, 8, _chunk(b"gAMA", bytes(4), checksum=0)), "a.png"),
    Case("png", "palette missing", png(8, 8, colour=3, data=bytes(72)), None),
    Case("png", "depth of 3 bits", png(8, 8, bits=3), "a.png"),
    Case("png", "a GIF", picture("GIF"), "not an image"),
    Case("png", "an SVG", b"<svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>", "not an image"),
    Case("png", "a PostScript program", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run", "not an image"),
    Case("png", "an archive", b"PK\x03\x04" + bytes(60), "not an image"),
    Case("jpeg", "truncated", lambda good: good[: len(good) // 2], "a.jpg"),
    Case("jpeg", "marker alone", b"\xff\xd8\xff\xe0", "a.jpg"),
    Case("jpeg", "largest size", _JPEG[:_SIZE_AT] + b"\xff\xff\xff\xff" + _JPEG[_SIZE_AT + 4 :], "bomb"),
    Case("jpeg", "damaged Exif", picture("JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"), None),
    Case("jpeg", "orientation that is none", picture("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\x63\0\0"), None),
    Case("jpeg", "colours for print", picture("JPEG", "CMYK"), "CMYK"),
    Case("bmp", "absurdly large", bmp(_HUGE, _HUGE), "bomb"),
    Case("bmp", "negative size", bmp(-5, -5), "a.bmp"),
    Case("bmp", "no pixels", bmp(16, 12), "a.bmp"),
    Case("bmp", "depth of 77 bits", bmp(16, 12, 77), "a.bmp"),
)  # fmt: skip

STACKS = (
    Case("tiff", "header alone", b"II*\0", "a.tif"),
    Case("tiff", "first page behind the end", b"II*\0\xff\xff\xff\x7f", "a.tif"),
    Case("tiff", "pages in a circle", page()[:8] + raw_tiff((256, LONG, 1, 4), following=8)[8:], "a.tif"),
    Case("tiff", "absurdly large", page(_HUGE, _HUGE), "at most 64 million"),
    Case("tiff", "no size", page(0, 0), "a.tif"),
    Case("tiff", "65535 entries", b"II*\0\x08\0\0\0\xff\xff", "a.tif"),
    Case("tiff", "an entry of 4 GB", page(4, 4, (270, 2, 2**32 - 1, 8)), None),
    Case("tiff", "strip behind the end", page(4, 4, (273, LONG, 1, _HUGE)), "a.tif"),
    Case("tiff", "strip of 4 GB", page(4, 4, (279, LONG, 1, 2**32 - 1)), None),
    Case("tiff", "a billion strips", page(4, 4, (273, LONG, 10**9, 8), (279, LONG, 10**9, 8)), "a.tif"),
    Case("tiff", "32 bits", page(4, 4, (258, SHORT, 1, 32)), "unsigned 8 or 16 bit"),
    Case("tiff", "65535 bits", page(4, 4, (258, SHORT, 1, 65535)), "a.tif"),
    Case("tiff", "65535 samples", page(4, 4, (277, SHORT, 1, 65535)), "a.tif"),
    Case("tiff", "65535 samples of each of 64 million pixels", page(8000, 8000, (277, SHORT, 1, 65535), (258, SHORT, 1, 8)), "a.tif"),
    Case("tiff", "compression that is none", page(4, 4, (259, SHORT, 1, 999)), "a.tif"),
    Case("tiff", "deflated to 300 MB", page(4, 4, (259, SHORT, 1, 8), (279, LONG, 1, len(_BOMB)))[:200] + _BOMB, "a.tif"),
    Case("tiff", "LZW code before its entry", page(4, 4, (259, SHORT, 1, 5))[:200] + b"\x80\x74" + bytes(14), "LZW data are damaged"),
    Case("tiff", "palette missing", page(4, 4, (262, SHORT, 1, 3)), "a.tif"),
    Case("tiff", "tiles of absurd size, deflated", page(4, 4, (259, SHORT, 1, 8), *_tiles(_HUGE - 15)), "a.tif"),
    Case("tiff", "tiles of 4 GB, deflated", page(4, 4, (259, SHORT, 1, 8), *_tiles(2**16)), "a.tif"),
    Case("tiff", "floating point", tiff(PIXELS.astype(np.float32)), "unsigned 8 or 16 bit"),
    Case("tiff", "four dimensions in a page", page(4, 4, (32997, LONG, 1, 1000)), "a.tif"),
    Case("tiff", "JPEG that is larger than its page", lambda _: tiff(np.zeros((16, 16, 3), np.uint8), photometric="rgb", compression="jpeg").replace(b"\0\x10\0\x10", b"\xff\xff\xff\xff"), "at most 64 million|a.tif"),
    Case("tiff", "OME of exploding entities", tiff(description=_LAUGHS + "]><OME>&a12;</OME>", metadata=None), None),
    Case("tiff", "OME of absurd sizes", tiff(description=_OME.format(f'SizeZ="{_HUGE}" SizeT="{_HUGE}"'), metadata=None), None),
    Case("tiff", "OME of negative sizes", tiff(description=_OME.format('SizeZ="-5" SizeT="-5"'), metadata=None), None),
    Case("tiff", "OME of pages before the first", tiff(description=_OME.replace("/></Image>", '><TiffData IFD="-1000000000" PlaneCount="2000000000"/></Pixels></Image>').format('SizeT="2000000000"'), metadata=None), None),
    Case("tiff", "OME of pages named again and again", tiff(description=_OME.replace("/></Image>", ">" + '<TiffData IFD="0" PlaneCount="9"/>' * 20_000 + "</Pixels></Image>").format('SizeT="9"'), metadata=None), None),
    Case("tiff", "ImageJ with a billion images", tiff(description="ImageJ=1.54\nimages=1000000000\nframes=1000000000\n", metadata=None), None),
    Case("tiff", "a shape of absurd size", tiff(description='{"shape": [1000000000, 12, 16]}', metadata=None), None),
    Case("tiff", "truncated", lambda good: good[: len(good) // 2], "a.tif"),
)  # fmt: skip

VIDEOS = (
    Case("mp4", "brand alone", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "a.mp4"),
    Case("mp4", "truncated", lambda good: good[: len(good) // 2], "a.mp4"),
    Case("mp4", "box of 2^63 bytes", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2\0\0\0\1moov\x7f" + b"\xff" * 7, "a.mp4"),
    Case("mp4", "playlist of other files", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n", "not an image"),
    Case("mp4", "list of other files", b"ffconcat version 1.0\nfile '/etc/passwd'\n", "not an image"),
    Case("mp4", "damaged frames", lambda good: good.replace(good[60:200], bytes(140)), None),
    Case("avi", "header alone", b"RIFF\xff\xff\xff\xffAVI ", "a.avi"),
    Case("avi", "truncated", lambda good: good[: len(good) // 3], "a.avi"),
    Case("mkv", "header alone", b"\x1a\x45\xdf\xa3" + b"\xff" * 40, "a.mkv"),
    Case("mkv", "truncated", lambda good: good[: len(good) // 3], "a.mkv"),
)  # fmt: skip

LABELS = (
    Case("yolo", "not finite", b"0 nan 0.5 0.1 0.1", "not all finite"),
    Case("yolo", "another class", b"7 0.5 0.5 0.1 0.1", "class 7"),
    Case("yolo", "words", b"0 a b c d", "not all numbers"),
    Case("yolo", "a polygon", b"0 .1 .1 .2 .2 .3 .3 .4 .4", "9 values"),
    Case("yolo", "outside", b"0 5 5 0.1 0.1", "outside"),
    Case("yolo", "negative", b"0 0.5 0.5 -0.1 0.1", "holds nothing"),
    Case("yolo", "binary", bytes(range(256)), "text file"),
    Case("coco", "no JSON", b"{", "not a JSON file"),
    Case("coco", "nested deeply", b"[" * 100_000, "not a JSON file"),
    Case("coco", "a list", b"[]", "no list of images"),
    Case("coco", "images that are none", b'{"images": [1, null, "a", [], {}]}', "image 4"),
    Case("coco", "path out of the folder", _changed(COCO, "images", 0, "file_name", to="../../a.png"), "leads out"),
    Case("coco", "absolute path", _changed(COCO, "images", 0, "file_name", to="/etc/passwd"), "leads out"),
    Case("coco", "path of Windows", _changed(COCO, "images", 0, "file_name", to="C:\\a.png"), "leads out"),
    Case("coco", "path with NUL", _changed(COCO, "images", 0, "file_name", to="a\0.png"), "leads out"),
    Case("coco", "box that is not finite", _box([0, 0, float("nan"), 1]), "not finite"),
    Case("coco", "box without end", _box([0, 0, float("inf"), 1]), "not finite"),
    Case("coco", "number too large for a float", _box([0, 0, 10**400, 1]), "annotation 0"),
    Case("coco", "number of 5000 digits", json.dumps(COCO).encode().replace(b"0.5", b"9" * 5000), "a.json"),
    Case("coco", "box of three", _box([1, 2, 3]), "annotation 0"),
    Case("coco", "box of tables", _box({"x": 1}), "annotation 0"),
    Case("coco", "negative box", _box([1, 1, -5, 1]), "holds nothing"),
    Case("coco", "image that is not there", _changed(COCO, "annotations", 0, "image_id", to=9), "9 is missing"),
    Case("coco", "image that is a list", _changed(COCO, "annotations", 0, "image_id", to=[]), "annotation 0"),
    Case("coco", "class that is not there", _changed(COCO, "categories", to=None), "1 is missing"),
    Case("coco", "size of no pixels", _changed(COCO, "images", 0, "width", to=-4), "is none"),
    Case("coco", "absurd size", _changed(COCO, "images", 0, "width", to=1e300), "is none"),
    Case("coco", "size without end", _changed(COCO, "images", 0, "width", to=float("inf")), "image 0"),
    Case("label-studio", "tasks that are none", b"[1]", "list of tasks"),
    Case("label-studio", "path out of the folder", _changed(TASKS, 0, "data", "image", to="/data/local-files/?d=../a"), "leads out"),
    Case("label-studio", "path out of the folder, encoded", _changed(TASKS, 0, "data", "image", to="/data/local-files/?d=%2e%2e%2fa"), "leads out"),
    Case("label-studio", "address that is none", _changed(TASKS, 0, "data", "image", to="http://[a"), "task 0"),
    Case("label-studio", "no local file", _changed(TASKS, 0, "data", "image", to="/data/local-files/"), "task 0"),
    Case("label-studio", "size of words", _result(original_width="wide"), "task 0"),
    Case("label-studio", "size without end", _result(original_width=float("inf")), "task 0"),
    Case("label-studio", "rotation of words", _result(value=RESULT["value"] | {"rotation": "left"}), "task 0"),
    Case("label-studio", "rotation without end", _result(value=RESULT["value"] | {"rotation": float("inf")}), "task 0"),
    Case("label-studio", "results that are none", _changed(TASKS, 0, "annotations", to=[{"result": 5}]), "task 0"),
    Case("voc", "no XML", b"hello", "not a Pascal VOC"),
    Case("voc", "exploding entities", (_LAUGHS + "]><annotation><filename>&a12;</filename></annotation>").encode(), "a.xml"),
    Case("voc", "entity of another file", b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><annotation><filename>&e;</filename></annotation>', "a.xml"),
    Case("voc", "nested deeply", b"<a>" * 100_000, "a.xml"),
    Case("voc", "unknown encoding", b"<?xml version='1.0' encoding='utf-99'?><a/>", "a.xml"),
    Case("voc", "path out of the folder", VOC.replace("a.png", "../../a.png").encode(), "leads out"),
    Case("voc", "corner of words", VOC.replace("<xmin>1", "<xmin>one").encode(), "one"),
    Case("voc", "size without end", VOC.replace("<width>16", "<width>1e999").encode(), "a.xml"),
    Case("index", "columns missing", b"file,embryo\na,b\n", "needs the columns"),
    Case("index", "path out of the folder", b"path,group\n../a.png,e\n", "leads out"),
    Case("index", "binary", bytes(range(256)), "index.csv"),
    Case("index", "UTF-16", "path,group\na.png,e\n".encode("utf-16"), "index.csv"),
    Case("index", "a field of 200 kB", b"path,group\na.png," + b"x" * 200_000, "index.csv"),
    Case("index", "a quote that never ends", b'path,group\n"a.png,e\n' + b"b,c\n" * 50_000, "index.csv"),
    Case("index", "contradiction", b"path,group\na.png,e\na.png,f\n", "another group"),
    Case("list", "absolute path", b"/etc/passwd\n", "leads out"),
    Case("list", "path out of the folder", b"sub\\..\\..\\a.png\n", "leads out"),
    Case("list", "twice the same", b"a.png\na.png\n", "listed before"),
    Case("list", "binary", bytes(range(128, 256)), "UTF-8"),
    Case("list", "nothing", b"", "frames.txt"),
    Case("list", "name of 100,000 letters", b"a" * 100_000 + b".png\n", ""),
    Case("csv-list", "no paths", b"group\ne\n", "needs the columns"),
)  # fmt: skip

RECIPES = (
    Case("recipe", "no TOML", b"name = ", r"recipe\.toml:1:8"),
    Case("recipe", "binary", bytes(range(256)), r"recipe\.toml:"),
    Case("recipe", "UTF-16", RECIPE.encode("utf-16"), "UTF-8"),
    Case("recipe", "nested deeply", b"a = " + b"[" * 100_000, "nested too deeply"),
    Case("recipe", "tables of tables", b"[" + b".".join([b"a"] * 2_000) + b"]\n", "recipe.toml"),
    Case("recipe", "key twice", b"name = 'a'\nname = 'b'\n", r"recipe\.toml:2"),
    Case("recipe", "wrong types", b"name = 5\nsteps = 'train'\npipeline = []\n", "steps: must be a list"),
    Case("recipe", "unknown keys", RECIPE.replace("top", "tpo").encode(), "tpo: unknown key"),
    Case("recipe", "number of 5000 digits", RECIPE.replace("top = 3", f"top = {'9' * 5000}").encode(), "recipe.toml"),
    Case("recipe", "not a number", RECIPE.replace("top = 3", "min_confidence = nan").encode(), "nan"),
    Case("recipe", "no end", RECIPE.replace("top = 3", "min_confidence = inf").encode(), "min_confidence"),
    Case("recipe", "path with NUL", RECIPE.replace('source = "synthetic"', 'root = "a\\u0000"').encode(), "path"),
    Case("recipe", "component that is not there", RECIPE.replace("ridge-texture", "os.system").encode(), "os.system"),
    Case("recipe", "seed of another sign", b"seed = -1\n" + RECIPE.encode(), "seed"),
    Case("recipe", "a date", b"seed = 2020-01-01\n", "seed"),
)  # fmt: skip

BUNDLES = (
    Case("bundle", "empty", b"", "not JSON"),
    Case("bundle", "nested deeply", b'{"components": ' + b"[" * 100_000, "nested more than"),
    Case("bundle", "no components", _changed(BUNDLE, "components", to=None), "bundle.json"),
    Case("bundle", "components that are none", _changed(BUNDLE, "components", to=5), "not a readable bundle"),
    Case("bundle", "another format", _changed(BUNDLE, "format", to=99), "format 99"),
    Case("bundle", "plugin that is not installed", _changed(BUNDLE, "components", "scorer", "use", to="cs-elsewhere/x"), "scorer.use: .*cs-elsewhere"),
    Case("bundle", "setting that is not there", _changed(BUNDLE, "components", "scorer", "settings", "x", to=1), "settings.x: unknown key"),
    Case("bundle", "threshold of words", _changed(BUNDLE, "gate", "point", "threshold", to="high"), "threshold: must be a number"),
    Case("bundle", "threshold without end", _changed(BUNDLE, "gate", "point", "threshold", to=float("inf")), "finite"),
    Case("bundle", "scores without labels", _changed(BUNDLE, "gate", "labels", to=[]), "2 scores, but 0 labels"),
    Case("weights", "empty", b"", "scorer"),
    Case("weights", "truncated", lambda good: good[:-7], "scorer"),
    Case("weights", "a pickle", b"\x80\x04cos\nsystem\n(S'true'\ntR.", "scorer"),
    Case("weights", "header of 2^63 bytes", header({}, length=2**63), "scorer"),
    Case("weights", "header longer than the file", header({}, length=10**6), "scorer"),
    Case("weights", "tensor of 4 TB", header({"norm.weight": _TENSOR | {"shape": [2**40]}}, bytes(32)), "scorer"),
    Case("weights", "tensor behind the end", header({"norm.weight": _TENSOR | {"shape": [2**40], "data_offsets": [0, 2**42]}}), "scorer"),
    Case("weights", "shape that overflows", header({"norm.weight": _TENSOR | {"shape": [2**62, 2**62]}}, bytes(32)), "scorer"),
    Case("weights", "negative shape", header({"norm.weight": _TENSOR | {"shape": [-8]}}, bytes(32)), "scorer"),
    Case("weights", "tensors that overlap", header({"a": _TENSOR, "b": _TENSOR}, bytes(32)), "scorer"),
    Case("weights", "type that is not there", header({"a": _TENSOR | {"dtype": "PY"}}, bytes(32)), "scorer"),
    Case("weights", "other tensors", header({"a": _TENSOR}, bytes(32)), "do not fit"),
    Case("shape", "no JSON", b"{", "scorer"),
    Case("shape", "a list", b"[]", "scorer"),
    Case("shape", "absurd", b'{"hidden": [1000000000000]}', "scorer"),
    Case("shape", "negative", b'{"hidden": [-1]}', "scorer"),
    Case("shape", "without end", b'{"hidden": [Infinity]}', "scorer"),
    Case("shape", "of words", b'{"hidden": "y"}', "scorer"),
    Case("network", "of another scorer", nets.scaled(), "export again"),
    Case("network", "looping for ever", nets.looping(), "neither loops nor branches"),
    Case("network", "weights in another file", nets.elsewhere("../../../etc/passwd"), "lies in another file"),
    Case("network", "operators of others", nets.foreign(), "not known"),
    Case("network", "a pickle", b"\x80\x04cos\nsystem\n(S'true'\ntR.", "not a readable ONNX"),
)  # fmt: skip

CASES = IMAGES + STACKS + VIDEOS + LABELS + RECIPES + BUNDLES
