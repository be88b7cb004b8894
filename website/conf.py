"""What Sphinx is told; where the pages come from is in ``sources.py``."""

project = "ImagineAI"
copyright = "the ImagineAI authors, Apache-2.0"  # noqa: A001
html_title = "ImagineAI"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinxarg.ext"]

highlight_language = "sh"  # of a block that is only indented
myst_heading_anchors = 4
suppress_warnings = ["myst.domains"]  # sphinx-argparse has a domain that cannot be searched for any kind

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_class_signature = "mixed"
python_maximum_signature_line_length = 110
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["imagineai.css"]
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
pygments_style = "friendly"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5c8a", "color-brand-content": "#0b5c8a"},
    "dark_css_variables": {"color-brand-primary": "#7cc4ee", "color-brand-content": "#7cc4ee"},
    "top_of_page_buttons": [],
}
