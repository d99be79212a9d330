"""Operations, one file per family: each function directly above its gradient."""
