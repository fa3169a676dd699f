"""The page in the browser that `supreme app` serves: nothing here is loaded before it is asked for."""
