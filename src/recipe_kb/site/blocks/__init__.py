"""Tables and pictures that a guide asks for in a line of its own: `{{ ladder('t4/biobert/8t-512-full') }}`."""

HERE = "guide"
"""Every guide but the start page is in a folder of its own, so that links from any of them look the same."""
