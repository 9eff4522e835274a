"""The one place where an optional package is imported, at its first use, so that `import derive` stays light."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from derive.errors import MissingExtra

__all__ = ["extra"]


def extra(module: str, purpose: str) -> ModuleType:
    """Import `module` from the extra `app`; `purpose` completes the sentence '… is needed for'.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("sklearn", "scikit-learn")
        met = f"{package} is needed for {purpose}, and it cannot be imported ({error})."
        raise MissingExtra(met, hint='Install it with: pip install "derive-grad[app]"') from error
