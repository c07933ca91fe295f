INSERT INTO guests (name) VALUES ('Ada Lovelace'), ('Grace Hopper');
