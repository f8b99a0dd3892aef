# SPDX-License-Identifier: Apache-2.0
"""What a machine with nothing set up needs to show the whole: private servers, a seeded city."""
