# SPDX-License-Identifier: Apache-2.0
"""`python -m gateway` is `gateway`."""

import sys

from gateway.cli import main

sys.exit(main())
