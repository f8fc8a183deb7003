Console.WriteLine("elt-service");
