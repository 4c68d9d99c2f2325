"""Languages: texts, formats, labels and refusals in Chinese and English."""
