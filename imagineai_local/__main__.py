import sys

from imagineai_local.command import main

sys.exit(main())
