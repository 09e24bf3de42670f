"""The judgement: results against the batch's frozen specification, review, certification, release."""
