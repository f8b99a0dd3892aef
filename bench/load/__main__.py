# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.load`."""

import sys

from bench.load.harness import main

sys.exit(main())
