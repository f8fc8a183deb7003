Console.WriteLine("elt");
