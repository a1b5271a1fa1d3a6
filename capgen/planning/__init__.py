"""Looking ahead: forecasts, plans and costs, computed from series and numbers alone, without clock or network."""
