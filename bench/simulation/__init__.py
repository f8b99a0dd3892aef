# SPDX-License-Identifier: Apache-2.0
"""A city in virtual time that calls the real engine: what a policy is worth, and how sure that is."""
