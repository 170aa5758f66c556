"""Profile attention variants over sequence lengths: `python profile.py sweep --config FILE`."""

if __name__ == "profile":
    # Whoever imports `profile` (cProfile, hence lightning and torch.compile) wants the standard
    # library's module but finds this script first: load the real one in our place.
    import importlib.util
    import sys
    import sysconfig

    spec = importlib.util.spec_from_file_location(
        "profile", f"{sysconfig.get_path('stdlib')}/profile.py"
    )
    assert spec
    assert spec.loader
    sys.modules["profile"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["profile"])

elif __name__ == "__main__":
    import sys

    from profiling.errors import refuse_windows

    refuse_windows()

    from profiling.cli import main

    sys.exit(main())
