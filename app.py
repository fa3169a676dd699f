"""The page in the browser, as a Space of the Hub starts it; on your own machine `supreme app` does the same.

python app.py --port 7860
"""

import os
import sys

from modeling_supreme.supreme_command.main import main


if __name__ == "__main__":
    host = ["--host", "0.0.0.0"] if "SPACE_ID" in os.environ else []
    main(["app", *host, *sys.argv[1:]])
