# SPDX-License-Identifier: Apache-2.0
"""Travel times: one call and fifty units, by us, by Python's graph libraries and by OSRM."""
