"""`python -m callcenter`: the same as the console script `mesa`."""
from callcenter.main import main

if __name__ == '__main__':
    main()
