#!/bin/bash
# tests/requirements.txt is what tests/requirements.in asks for: each name there is pinned.
set -eu
cd "$(dirname "$0")/../.."
bad=0
while read -r name; do
	grep -q "^$name==" tests/requirements.txt || {
		echo "tests/requirements.txt: $name is not pinned, compile it again"
		bad=1
	}
done < <(grep -oE '^[a-z][a-z0-9-]*' tests/requirements.in)
exit $bad
