"""Steps of many rules together on a processor, each with the same bits as alone."""
