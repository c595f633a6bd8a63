"""What is wrong with a repository, and going on with the rest of it."""
import contextlib


class Damaged(Exception):
    """What is wrong, in words that begin with where."""


def need(condition, problem):
    if not condition:
        raise Damaged(problem)


@contextlib.contextmanager
def noting(problems, where=""):
    """What goes wrong inside is noted, and what stands behind it goes on."""
    try:
        yield
    except (Damaged, OSError) as error:
        problems.append(f"{where}{error}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        problems.append(f"{where}malformed: {error!r}")
