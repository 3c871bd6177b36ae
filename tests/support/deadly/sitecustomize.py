"""On the path of a process, kills it when it decodes a file of such a name, as a faulty decoder would."""

import os
import signal

from cs_framework.data import images

_decode = images._decode


def deadly(path, *arguments):
    if "deadly" in path.name:
        os.kill(os.getpid(), signal.SIGKILL)
    return _decode(path, *arguments)


images._decode = deadly
