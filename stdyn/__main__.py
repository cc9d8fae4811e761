"""python -m stdyn"""

from stdyn.cli import main

main()
