"""``python -m curricle`` is the command ``curricle``."""

from ._command import main

main()
