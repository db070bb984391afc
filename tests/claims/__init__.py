"""Claims: how they are examined, decided and certified."""
