"""What the DCC tells us: DUIS Responses read, their signatures checked, and matched to what we saw leave."""
