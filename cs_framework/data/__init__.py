"""Frames and their labels: sources, formats, splits by embryo, windows, checks and the generator."""

from cs_framework.data.dataset import DataSet as DataSet
from cs_framework.data.dataset import hold_out as hold_out
from cs_framework.data.dataset import load_dataset as load_dataset
from cs_framework.data.images import content_hash as content_hash
from cs_framework.data.images import read_frame as read_frame
from cs_framework.data.images import read_image as read_image
from cs_framework.data.labels import LabelledFrame as LabelledFrame
from cs_framework.data.refs import FrameRef as FrameRef
from cs_framework.data.refs import FrameSource as FrameSource
from cs_framework.data.source import open_source as open_source
from cs_framework.data.windows import FrameWindows as FrameWindows
