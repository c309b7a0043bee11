# Sourced by train_t5x.sh and tests/run.sh: makes .venv beside setup.py and installs the project
# into it with some extras, unless what setup.py asks for is in it already. Sets PYTHON.
#
# usage: source tests/setup.sh EXTRAS

set -euo pipefail

project_extras="${1?extras, such as train,eval}"
project_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="$project_root/.venv/bin/python"

find_python() {
  local candidate
  for candidate in python3.11 python3.12 python3.13 python3; do
    if command -v "$candidate" >/dev/null &&
      "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "Python 3.11 or newer is needed and was not found on PATH." >&2
  return 1
}

# For each choice of extras the setup.py that it was installed by: what one needs is not lost when
# another is installed.
stamp="$project_root/.venv/installed-for-$project_extras"
if [[ -x "$PYTHON" ]] && cmp -s "$project_root/setup.py" "$stamp"; then
  echo "    .venv is as setup.py wants it"
else
  if [[ ! -x "$PYTHON" ]]; then
    base_python="$(find_python)"
    echo "    making .venv with $base_python"
    "$base_python" -m venv "$project_root/.venv"
  fi
  echo "    installing flan-tasks[$project_extras] into .venv: some minutes"
  "$PYTHON" -m pip install --disable-pip-version-check --progress-bar off --quiet \
    --editable "${project_root}[$project_extras]"
  cp "$project_root/setup.py" "$stamp"
fi
