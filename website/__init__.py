"""The documentation as a site: the repository's Markdown, and a reference made from the code."""
