"""Makes modules of a driver that comes as arguments: name and source in turn, the last one is run."""

import linecache
import sys
import types

sys.path[:] = [place for place in sys.path if place]  # nothing of the folder it is started in
NAMES = sys.argv[1::2]
for name, source in zip(NAMES, sys.argv[2::2]):
    module = sys.modules[name] = types.ModuleType(name)
    file = f"<stageflow/{name}.py>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), module.__dict__)
sys.exit(sys.modules[NAMES[-1]].main())
