"""Runs a command, and prints its time, CPU, memory and written bytes as JSON: `python measured_child.py COMMAND …`.

The kernel counts the memory of the process that starts a command as the command's. So a small process starts it.
"""

import json
import os
import sys
import time

_started = time.perf_counter()
_pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
_, _status, _used = os.wait4(_pid, 0)
print(
    json.dumps(
        {
            "seconds": time.perf_counter() - _started,
            "cpu_s": _used.ru_utime + _used.ru_stime,
            "peak_mib": _used.ru_maxrss / 1024,
            "written_bytes": _used.ru_oublock * 512,
        }
    )
)
sys.exit(_status != 0)
