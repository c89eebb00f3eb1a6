#!/usr/bin/env python3
"""Runs README.md's programs word for word, on a list of small pictures, and looks at the state that they leave.

    readme_programs.py cpp COMPILED_PROGRAM
    readme_programs.py python README
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from readme_commands import write_list


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ)
    assert (done.returncode, done.stderr) == (0, ""), done


def main():
    language, what = sys.argv[1], Path(sys.argv[2])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_list(folder)
        if language == "cpp":
            run([what], folder)
            state = json.loads((folder / "stream.json").read_text())
        else:
            (program,) = re.findall(r"```python\n(.*?)```", what.read_text(), re.DOTALL)
            run([sys.executable, "-c", program], folder)
            import torch  # the Python of the module has it
            state = torch.load(folder / "chairs.pt", weights_only=True)["stream"]
    assert state["position"] == (3200 if language == "cpp" else 3040), state
    print(f"{state['position']} samples")


if __name__ == "__main__":
    main()
