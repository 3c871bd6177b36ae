"""``cs-data convert``: boxes from one label format to another."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from cs_framework.api.boxes import from_yolo
from cs_framework.api.components import Env
from cs_framework.data.dataset import survey
from cs_framework.data.formats import coco, label_studio, voc, yolo
from cs_framework.data.formats.boxed import BoxedFrame, Size, read_json, refuse
from cs_framework.data.images import read_frame
from cs_framework.data.listing import is_data_root, list_images, walk
from cs_framework.data.refs import FrameRef
from cs_framework.data.source import open_source
from cs_framework.errors import DataError, FrameError
from cs_framework.files import whole_file, whole_folder
from cs_framework.recipe.schema import DataSettings

log = logging.getLogger(__name__)

Format = Literal["coco", "label-studio", "voc", "yolo"]
FORMATS: tuple[Format, ...] = get_args(Format)

_READERS = {"coco": coco.read, "label-studio": label_studio.read, "voc": voc.read}
_WRITERS = {"coco": coco.write, "label-studio": label_studio.write, "voc": voc.write, "yolo": yolo.write}


def convert(
    source: Path,
    target: Path,
    env: Env,
    *,
    read_as: Format | None = None,
    write_as: Format | None = None,
    frames: Path | None = None,
    wanted: str | None = None,
) -> int:
    """Convert labels.

    Args:
        source: a data root, a file or a folder of labels.
        target: the file (COCO, Label Studio) or folder (VOC, YOLO) to write, which must not exist.
        env: shows progress.
        read_as: format of `source`; guessed when None.
        write_as: format of `target`; guessed when None.
        frames: folder of the frames, which tells their sizes.
        wanted: the class whose boxes are converted; None where there is only one, as in YOLO files and data
            roots.

    Returns:
        How many frames were written.

    Raises:
        DataError: naming everything that is wrong; then nothing is written.
    """
    write_as = write_as or _guess_target(target)
    if target.exists():
        raise DataError(f"{target} exists; give a new name, or remove it first")
    boxed = read_labels(source, env, read_as=read_as, frames=frames, wanted=wanted)
    in_one_file = write_as in {"coco", "label-studio"}
    with whole_file(target) if in_one_file else whole_folder(target) as new:
        _WRITERS[write_as](new, boxed)
    return len(boxed)


def read_labels(
    source: Path,
    env: Env,
    *,
    read_as: Format | None = None,
    frames: Path | None = None,
    wanted: str | None = None,
) -> list[BoxedFrame]:
    """The boxes of a data root, or of labels in any format; see `convert`.

    Raises:
        DataError: naming everything that is wrong.
    """
    is_root = read_as is None and is_data_root(source) and bool(list_images(source).images)
    read_as = "yolo" if is_root else read_as or guess(source)
    if read_as == "yolo" and wanted is not None:
        raise DataError(f"{source}: of YOLO boxes only class 0, a string, is read: leave --class out")
    if is_root:
        return _read_root(source, env)
    sizes = _sizes(open_source(frames, DataSettings()).refs, env) if frames else None
    if read_as == "yolo":
        if sizes is None:
            raise DataError(f"{source}: YOLO boxes are fractions of frames: give their folder with --frames")
        return yolo.read(source, sizes)
    boxed = _READERS[read_as](source, wanted)
    if sizes is None:
        return boxed
    refuse([f"{source}: {frame.name} is not in {frames}" for frame in boxed if frame.name not in sizes])
    return [BoxedFrame(one.name, sizes[one.name], one.boxes, one.scores) for one in boxed]


def guess(source: Path) -> Format:
    """The format of labels, by what they look like.

    Raises:
        DataError: they are not there, or look like nothing that is known.
    """
    if source.is_dir():
        found = {path.suffix for path in walk(source)} & {".xml", ".txt"}
        if len(found) == 1:
            return "voc" if found == {".xml"} else "yolo"
    elif not source.is_file():
        raise DataError(f"{source}: no such file or folder")
    elif source.suffix.lower() == ".xml":
        return "voc"
    elif source.suffix.lower() == ".json":
        return "label-studio" if isinstance(read_json(source), list) else "coco"
    raise DataError(f"{source}: cannot tell the format of these labels; name it with --from")


def _guess_target(target: Path) -> Format:
    if target.name.lower().endswith(".coco.json"):
        return "coco"
    raise DataError(f"{target}: cannot tell which format to write; name it with --to ({', '.join(FORMATS)})")


def _read_root(root: Path, env: Env) -> list[BoxedFrame]:
    dataset, problems = survey(DataSettings(root=root, shared_embryos="allow"))
    refuse(problems)
    frames = [frame for split in dataset.splits.values() for frame in split]
    sizes = _sizes([frame.ref for frame in frames], env)
    return [
        BoxedFrame(frame.ref.id, sizes[frame.ref.id])
        if frame.yolo_boxes is None
        else BoxedFrame(frame.ref.id, sizes[frame.ref.id], from_yolo(frame.yolo_boxes, sizes[frame.ref.id]))
        for frame in frames
        if frame.ref.id in sizes
    ]


def _sizes(refs: Sequence[FrameRef], env: Env) -> dict[str, Size]:
    """Sizes of the frames that can be read."""
    sizes: dict[str, Size] = {}
    ref: FrameRef
    for ref in env.track(refs, "reading frames", total=len(refs)):
        try:
            sizes[ref.id] = read_frame(ref).size
        except FrameError as error:
            log.warning("left out, since it cannot be read: %s", error)
    return sizes
