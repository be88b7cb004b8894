from imagineai_client.command import main

raise SystemExit(main())
