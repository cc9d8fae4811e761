"""python -m stdyn"""

from stdyn.command.main import main

main()
