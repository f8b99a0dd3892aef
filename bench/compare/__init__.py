# SPDX-License-Identifier: Apache-2.0
"""We and our neighbours, side by side in one run: `python -m bench.compare SUITE`."""
