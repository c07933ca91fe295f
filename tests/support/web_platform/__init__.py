"""Operations on the web platform, written once in Python and run both on workerd, as JavaScript, and here."""
