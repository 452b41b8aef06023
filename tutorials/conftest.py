"""The site's settings are no modules with examples, and need Sphinx, which the tests do not."""

collect_ignore = ["_extensions", "conf.py"]
