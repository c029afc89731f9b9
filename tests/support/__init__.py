"""What tests share: local servers, processes, clocks, a home to work in."""
